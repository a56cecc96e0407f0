package engine

import (
	"errors"
	"slices"
	"testing"

	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// TestSealedLiesAreNotBelieved: a pack in which every checksum is right, but
// the chunk "lie" has other bytes than its id says. It is an error that names
// the place, however it is read, and costs nothing else.
func TestSealedLiesAreNotBelieved(t *testing.T) {
	w, err := packfile.NewWriter(packfile.WriterOptions{Class: packfile.ClassData, FrameSize: 100})
	if err != nil {
		t.Fatal(err)
	}
	lie := chunker.Sum([]byte("the truth"))
	texts := map[chunker.ID]string{chunker.Sum([]byte("before")): "before", lie: "something else", chunker.Sum([]byte("after")): "after"}
	ids := []chunker.ID{chunker.Sum([]byte("before")), lie, chunker.Sum([]byte("after"))}
	for _, id := range ids {
		if err := w.Add(id, chunker.Data, []byte(texts[id]), nil); err != nil {
			t.Fatal(err)
		}
	}
	sealed, err := w.Seal()
	if err != nil {
		t.Fatal(err)
	}
	store := mem.New()
	if err := store.Put(t.Context(), packfile.Key(sealed.Index.ID), sealed.Body()); err != nil {
		t.Fatal(err)
	}
	db, err := index.Open(t.TempDir(), index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	b, err := db.NewBatch()
	if err == nil {
		err = errors.Join(b.AddPack(sealed.Index, nil), b.Commit())
	}
	if err != nil {
		t.Fatal(err)
	}
	check := func(how string, id chunker.ID, got []byte, err error) {
		t.Helper()
		var c *packfile.CorruptError
		switch {
		case id != lie && (err != nil || string(got) != texts[id]):
			t.Errorf("%s: %q is %q, %v", how, texts[id], got, err)
		case id == lie && (got != nil || !errors.As(err, &c) || c.Chunk != lie || c.Object != packfile.Key(sealed.Index.ID) || c.Offset != packfile.HeaderSize):
			t.Errorf("%s: the lie is %q, %v", how, got, err)
		}
	}
	asked := append(slices.Clone(ids), lie, ids[0], lie) // some again, so that what is known is not checked
	for _, how := range []string{"fresh", "cached"} {
		r := newReader(store, &owner{db: db, near: newNear(nil, 0)}, 1<<20)
		if how == "cached" {
			_, _ = r.Chunk(t.Context(), chunker.Data, ids[0])
		}
		err := r.Chunks(t.Context(), chunker.Data, asked, 1, func(i int, b []byte, ends []int, err error) error {
			if err != nil {
				check(how+", in bulk", asked[i], nil, err)
			}
			for n, start := 0, 0; n < len(ends); n, start = n+1, ends[n] {
				check(how+", in bulk", asked[i+n], b[start:ends[n]], nil)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		for range 2 {
			for _, id := range ids {
				got, err := r.Chunk(t.Context(), chunker.Data, id)
				check(how, id, got, err)
			}
		}
		r.close()
	}
}
