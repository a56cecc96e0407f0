package engine

import (
	"context"
	"errors"
	"testing"

	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// askedChunks counts look-ups, and answers from where.
type askedChunks struct {
	dataplane.Chunks
	where  map[chunker.ID]index.Location
	packs  []packfile.Index // by number
	lookup int
	fail   error
}

func (a *askedChunks) Lookup(_ context.Context, ids []chunker.ID, found []dataplane.Place) error {
	a.lookup++
	for i, id := range ids {
		found[i].Location, found[i].Found = a.where[id], a.where[id].Length > 0
	}
	return a.fail
}

func (a *askedChunks) Frames(_ context.Context, frames []dataplane.FrameID, places []dataplane.FramePlace) error {
	for i, f := range frames {
		x := &a.packs[f.Pack]
		places[i] = dataplane.FramePlace{Pack: x.ID, Frame: x.Frames[f.Frame]}
	}
	return nil
}

// pack puts a pack of texts into store, and enters where they are from now on.
func (a *askedChunks) pack(t *testing.T, store *mem.Store, texts ...string) {
	t.Helper()
	w, err := packfile.NewWriter(packfile.WriterOptions{Class: packfile.ClassData})
	for _, text := range texts {
		if err == nil {
			err = w.Add(chunker.Sum([]byte(text)), chunker.Data, []byte(text), nil)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := w.Seal()
	if err == nil {
		err = store.Put(t.Context(), packfile.Key(sealed.Index.ID), sealed.Body())
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range sealed.Index.Entries {
		a.where[e.ID] = index.Location{Pack: uint32(len(a.packs)), Frame: e.Frame, Offset: e.Offset, Length: e.Length, Kind: e.Kind}
	}
	a.packs = append(a.packs, *sealed.Index)
}

func TestAnnouncedChunksAreLookedUpTogether(t *testing.T) {
	store, a := mem.New(), &askedChunks{where: map[chunker.ID]index.Location{}}
	a.pack(t, store, "one", "two", "three")
	r := newReader(store, a, 1<<20)
	defer r.close()
	reads := func(texts ...string) (lookups int) {
		t.Helper()
		a.lookup = 0
		for _, text := range texts {
			if b, err := r.Chunk(t.Context(), chunker.Data, chunker.Sum([]byte(text))); err != nil || string(b) != text {
				t.Fatalf("%q is %q, %v", text, b, err)
			}
		}
		return a.lookup
	}
	ids := []chunker.ID{chunker.Sum([]byte("one")), {}, chunker.Sum([]byte("two")), chunker.Sum([]byte("nowhere"))}
	r.Announce(t.Context(), ids)
	if n := reads("one", "two", "one"); a.lookup != 0 || n != 0 {
		t.Errorf("%d look-ups of what was announced", n)
	}
	if n := reads("three"); n != 1 {
		t.Errorf("%d look-ups of what was not", n)
	}
	if _, err := r.Chunk(t.Context(), chunker.Data, ids[3]); !errors.Is(err, ErrDamaged) {
		t.Errorf("what is nowhere: %v", err)
	}
	if _, err := r.Chunk(t.Context(), chunker.DirNode, ids[0]); !errors.Is(err, ErrDamaged) {
		t.Errorf("data as a node: %v", err)
	}

	// The pack goes, and its chunks are elsewhere now.
	gone := packfile.Key(a.packs[0].ID)
	a.pack(t, store, "two", "one")
	r.frames.InvalidateAll()
	if err := store.Delete(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	if n := reads("one", "two"); n != 2 {
		t.Errorf("%d look-ups of two chunks that have moved", n)
	}
}

func TestAnAnnouncementThatFailsIsNoHarm(t *testing.T) {
	store, a := mem.New(), &askedChunks{where: map[chunker.ID]index.Location{}}
	a.pack(t, store, "one", "two")
	r := newReader(store, a, 1<<20)
	defer r.close()
	a.fail = errors.New("not now")
	r.Announce(t.Context(), []chunker.ID{chunker.Sum([]byte("one")), chunker.Sum([]byte("two"))})
	a.fail = nil
	if b, err := r.Chunk(t.Context(), chunker.Data, chunker.Sum([]byte("one"))); err != nil || string(b) != "one" {
		t.Errorf("%q, %v", b, err)
	}
}
