package engine

import (
	"context"
	"errors"
	"syscall"
	"testing"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/mem"
)

// aDisk takes objects bit by bit, and counts those that have not ended.
type aDisk struct {
	*mem.Store
	full bool
	live int
}

func (d *aDisk) Begin(ctx context.Context) (backends.Upload, error) {
	u, err := d.Store.Begin(ctx)
	d.live++
	return &onDisk{u, d}, err
}

type onDisk struct {
	backends.Upload
	d *aDisk
}

func (u *onDisk) Write(b []byte) (int, error) {
	if u.d.full {
		return 0, syscall.ENOSPC
	}
	return u.Upload.Write(b)
}

func (u *onDisk) Abort() {
	u.d.live--
	u.Upload.Abort()
}

// A pack that cannot be written is lost to all who filled it, and not to those
// who come after.
func TestAPackThatCannotBeWrittenIsBegunAnew(t *testing.T) {
	d := &aDisk{Store: mem.New()}
	p, own := newPacker(&indexOf{}, (*config)(nil).packing(), 1<<40, entriesMax), new(tally)
	p.store = d
	one, two := p.enter(), p.enter()
	i := 0
	add := func(mark uint64) (err error) {
		c := aChunk(i)
		c.data = append(make([]byte, 1<<20), c.data...)
		i++
		_, _, err = p.add(t.Context(), mark, own, c)
		return err
	}
	for range 3 {
		if err := errors.Join(add(one), add(two)); err != nil {
			t.Fatal(err)
		}
	}
	d.full = true
	err := add(one)
	for range 50 { // some chunks wait for compression
		if err == nil {
			err = add(one)
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("on a full disk: %v", err)
	}
	if d.live != 0 || len(p.pending) > 0 {
		t.Errorf("%d uploads are open, %d chunks pending", d.live, len(p.pending))
	}
	d.full = false
	if err := add(two); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("who counts on what was lost gets %v", err)
	}
	three := p.enter()
	if err := add(three); err != nil {
		t.Errorf("who comes later: %v", err)
	}

	// What nobody fills any more is given up with the last.
	p.leave()
	p.leave()
	if err := p.check(three); d.live != 1 || err != nil {
		t.Errorf("one ingest is left: %d uploads are open, %v", d.live, err)
	}
	p.leave()
	for class, n := range p.closed {
		if n != 0 {
			t.Errorf("%d packs of class %v are closed", n, class)
		}
	}
	if d.live != 0 || len(p.pending) > 0 {
		t.Errorf("no ingest is left: %d uploads are open, %d chunks pending", d.live, len(p.pending))
	}
	if err := add(p.enter()); err != nil {
		t.Error(err)
	}
	p.leave()
}
