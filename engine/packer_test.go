package engine

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/index"
)

// The index takes a pack's references in one change, held in memory, so a pack
// is full when it has many of them, however small it is.
func TestAPackOfManyReferencesIsFull(t *testing.T) {
	db, err := index.Open(t.TempDir(), index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	p, own := newPacker(&owner{db: db, near: newNear(nil, 0)}, (*config)(nil).packing(), 1<<40, entriesMax), new(tally)
	const perNode = 1000
	for i := range uint64(2 * entriesMax / perNode) {
		b := binary.BigEndian.AppendUint64(nil, i)
		deps := make([]chunker.ID, perNode)
		for j := range deps {
			binary.BigEndian.PutUint64(deps[j][:], uint64(j)+1)
		}
		_, full, err := p.add(t.Context(), p.mark(), own, chunk{kind: chunker.DirNode, id: chunker.DirNode.Sum(b), data: b, deps: deps})
		if err != nil {
			t.Fatal(err)
		}
		if edges := int(i+1) * perNode; full != (edges >= entriesMax) {
			t.Fatalf("full is %v with %d references", full, edges)
		}
		if full {
			break
		}
	}
	p.take(true).abort()
}

// Nodes that refer to much go into the store with the next data pack, not all
// at the end; those that refer to little wait for more.
func TestAFullDataPackTakesNodesAlong(t *testing.T) {
	for _, edges := range []int{1, edgesAlong - 1, edgesAlong} {
		p, own := newPacker(&indexOf{}, (*config)(nil).packing(), 1<<20, entriesMax), new(tally)
		node, data := []byte("node"), make([]byte, 2<<20)
		_, _ = rand.Read(data) // never fails
		add := func(c chunk) (full bool) {
			t.Helper()
			added, full, err := p.add(t.Context(), p.mark(), own, c)
			if !added || err != nil {
				t.Fatalf("added is %v: %v", added, err)
			}
			return full
		}
		if add(chunk{kind: chunker.DirNode, id: chunker.DirNode.Sum(node), data: node, deps: make([]chunker.ID, edges)}) {
			t.Fatalf("full with %d references", edges)
		}
		if !add(chunk{id: chunker.Data.Sum(data), data: data}) {
			t.Fatal("a data pack of more than its size is not full")
		}
		b := p.take(false)
		if want := edges >= edgesAlong; len(b.data) != 1 || (len(b.meta) == 1) != want {
			t.Errorf("%d references: %d data packs and %d metadata packs are full, want the metadata: %v", edges, len(b.data), len(b.meta), want)
		}
		b.abort()
		p.take(true).abort()
	}
}

// indexOf is the index as a packer sees it: what has been settled, once it was
// asked for.
type indexOf struct {
	dataplane.Chunks
	has   map[chunker.ID]bool
	asked int
}

func (x *indexOf) Has(_ context.Context, ids []chunker.ID, have []bool) error {
	x.asked++
	for i, id := range ids {
		have[i] = x.has[id]
	}
	return nil
}

// What was absent when it was looked up may have come and gone through a pack
// since then. However often packs were settled meanwhile, it is not stored
// twice; and the index is asked again only if it must be.
func TestAChunkThatWasSettledMeanwhileIsNotStoredAgain(t *testing.T) {
	for settled := range 4 {
		x := &indexOf{has: map[chunker.ID]bool{}}
		p, own := newPacker(x, (*config)(nil).packing(), 1<<40, entriesMax), new(tally)
		add := func(data string, asOf uint64) bool {
			t.Helper()
			b := []byte(data)
			added, _, err := p.add(t.Context(), p.mark(), own, chunk{id: chunker.Data.Sum(b), data: b, asOf: asOf})
			if err != nil {
				t.Fatal(err)
			}
			return added
		}
		settle := func() {
			t.Helper()
			b := p.take(true)
			err := b.each(func(o *openPack) (err error) {
				o.sealed, err = o.Seal()
				for _, e := range o.sealed.Index.Entries {
					x.has[e.ID] = true
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			p.settle(b)
		}
		asOf := p.asOf() // an ingest has found that the index has neither
		if !add("theirs", p.asOf()) {
			t.Fatal("a new chunk is not stored")
		}
		for n := range settled {
			settle()
			add("other"+string(rune('a'+n)), p.asOf())
		}
		x.asked = 0
		if add("theirs", asOf) {
			t.Errorf("settled %d times meanwhile: the chunk is stored again", settled)
		}
		if want := min(max(settled-1, 0), 1); x.asked != want {
			t.Errorf("settled %d times meanwhile: the index was asked %d times, not %d", settled, x.asked, want)
		}
		if !add("mine", asOf) {
			t.Errorf("settled %d times meanwhile: a chunk that nobody has stored is not stored", settled)
		}
		p.take(true).abort()
	}
}

// With less memory a pack is full at fewer chunks; at the default it holds as
// many as ever.
func TestPacksCloseAtFewerChunksWithLessMemory(t *testing.T) {
	rows := func(memory int64) int {
		s := Settings{MemoryBytes: memory}
		s.ensureDefaults()
		return s.packRows()
	}
	if least, usual, large := rows(MemoryMin), rows(MemoryDefault), rows(8<<30); least > entriesMax/3+1 || usual != entriesMax || large != entriesMax {
		t.Errorf("%d, %d and %d rows", least, usual, large)
	}
	const most = 10
	p, own := newPacker(&indexOf{}, (*config)(nil).packing(), 1<<40, most), new(tally)
	defer func() { p.take(true).abort() }()
	for i := range most {
		_, full, err := p.add(t.Context(), p.mark(), own, aChunk(i))
		if err != nil || full != (i+1 == most) {
			t.Fatalf("chunk %d: full is %v: %v", i, full, err)
		}
	}
}

// mark is now, for add.
func (p *packer) mark() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.broken
}

func aChunk(i int) chunk {
	b := binary.BigEndian.AppendUint64(nil, uint64(i))
	return chunk{id: chunker.Data.Sum(b), data: b}
}

// However many ingests fill packs, only so many are closed and not yet stored:
// whoever would fill another waits until one is.
func TestAChunkWaitsWhileManyPacksAreClosed(t *testing.T) {
	p, own := newPacker(&indexOf{}, (*config)(nil).packing(), 1, entriesMax), new(tally)
	c := &committer{packer: p, requests: make(chan *commitRequest), quit: make(chan struct{})}
	for i := range closedMax + 1 {
		if err := c.room(t.Context()); err != nil {
			t.Fatalf("%d packs are closed: %v", i, err)
		}
		if _, full, err := p.add(t.Context(), p.mark(), own, aChunk(i)); !full || err != nil {
			t.Fatalf("full is %v: %v", full, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := c.room(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("room is %v while %d packs are closed", err, closedMax+1)
	}
	waits := make(chan error)
	go func() { waits <- c.room(t.Context()) }()
	r := <-c.requests // whoever waits asks for them to be stored
	b := p.take(false)
	if !p.crowded.Load() {
		t.Error("there is room while packs are on their way")
	}
	if err := b.each(func(o *openPack) (err error) { o.sealed, err = o.Seal(); return err }); err != nil {
		t.Fatal(err)
	}
	p.settle(b)
	r.answer <- commitAnswer{}
	if err := <-waits; err != nil {
		t.Error(err)
	}
	if _, full, err := p.add(t.Context(), p.mark(), own, aChunk(100)); !full || err != nil {
		t.Fatalf("full is %v: %v", full, err)
	}
	if _, full, err := p.add(t.Context(), p.mark(), own, aChunk(101)); !full || err != nil {
		t.Fatalf("full is %v: %v", full, err)
	}
	p.lose(batch{}, errors.New("lost"))
	if err := c.room(t.Context()); err != nil {
		t.Error(err)
	}
}
