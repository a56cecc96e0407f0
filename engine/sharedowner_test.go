package engine_test

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/fault"
	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/packfile"
)

// Half an index must not be taken for the whole: what it lacks would be absent.
func TestARebuildThatFailsHidesNothingFromOthers(t *testing.T) {
	f := fault.New(mem.New())
	w := sharedWorldOn(t, f)
	w.ingest("r/p@1", sample)
	w.ingest("r/p@2", files{"a": "2"})
	failed := 0
	for n := range 30 {
		f.Set(fault.Rule{Op: fault.Get, Skip: n, Do: fault.Fail(syscall.EIO)})
		_, err := w.RebuildIndex(t.Context())
		f.Set()
		if err != nil {
			failed++
		}
		for _, ref := range []string{"r/p@1", "r/p@2"} {
			if _, err := w.client.Version(t.Context(), mustRef(t, ref)); err != nil {
				t.Fatalf("after a rebuild that failed at read %d (%v): %s: %v", n, err, ref, err)
			}
			if _, err := w.Version(t.Context(), mustRef(t, ref)); err != nil {
				t.Fatalf("the one that was the owner: %s: %v", ref, err)
			}
		}
		if err == nil {
			break // past the last read
		}
	}
	if failed < 3 {
		t.Errorf("%d rebuilds failed", failed)
	}
	w.sound("r/q@1")
}

// An owner reads what another process has put into the store, unless that runs
// the same program and it is told to believe it.
func TestAnOwnerReadsPacksThatOthersHaveMade(t *testing.T) {
	const size = 1 << 20
	for _, twins := range []bool{false, true} {
		read := &readStore{Store: mem.New()}
		w := sharedWorldWith(t, read, twins)
		read.bytes.Store(0)
		if _, err := w.client.Ingest(t.Context(), engine.IngestRequest{Source: files{"a": randomBytes(3, size)}, Ref: mustRef(t, "r/p@1")}); err != nil {
			t.Fatal(err)
		}
		if n := read.bytes.Load(); (n >= size) == twins {
			t.Errorf("twins are believed: %t; %d of %d bytes were read", twins, n, size)
		}
		w.sound("r/q@1")
	}
}

// readStore counts the bytes that are read.
type readStore struct {
	backends.Store
	bytes atomic.Int64
}

func (s *readStore) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	r, err := s.Store.Get(ctx, key, offset, length)
	if err != nil {
		return nil, err
	}
	return &readObject{r, &s.bytes}, nil
}

type readObject struct {
	io.ReadCloser
	n *atomic.Int64
}

func (r *readObject) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.n.Add(int64(n))
	return n, err
}

// A disk may have lost a pack that nobody counts on. That is no reason not to
// open the store, nor to leave the others alone.
func TestAnOrphanThatCannotBeReadIsLeftAlone(t *testing.T) {
	f := fault.New(mem.New())
	w := sharedWorldOn(t, f)
	w.ingest("r/p@1", sample)
	all, _ := pieces(t, files{"a": "of a dead ingest"})
	var lost dataplane.Pack
	for _, p := range all {
		if !p.kind.IsNode() {
			lost = w.pack(p)
		}
	}
	text := []byte("of another")
	w.pack(piece{id: chunker.Sum(text), data: text})
	key := packfile.Key(lost.ID)
	for _, c := range []struct {
		fails bool
		want  int64
	}{{true, 1}, {true, 0}, {false, 1}} {
		f.Set()
		if c.fails {
			f.Set(fault.Rule{Op: fault.Get, Prefix: key, Do: fault.Fail(syscall.EIO)})
		}
		got, err := w.RebuildIndex(t.Context())
		if err != nil || got.Adopted != c.want {
			t.Errorf("%d are adopted, want %d: %v", got.Adopted, c.want, err)
		}
	}
	w.sound("r/q@1")
}

func TestRebuildsMayFailAgainAndAgain(t *testing.T) {
	w := newWorld(t)
	w.ingest("r/p@1", sample)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		for range 2 {
			if _, err := w.RebuildIndex(canceled); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			_, err := w.Version(t.Context(), mustRef(t, "r/p@1"))
			if kind := engine.KindOf(err); kind == engine.KindOK || kind == engine.KindNotFound {
				t.Fatalf("an index that could not be made anew answers: %v", err)
			}
		}
		if _, err := w.RebuildIndex(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.expect("r/p@1", sample)
	}
}
