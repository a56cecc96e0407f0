package index

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile"
)

// TestFinderAgreesWithSingleLookups, in any order and for what is not there.
func TestFinderAgreesWithSingleLookups(t *testing.T) {
	db := newDB(t)
	r := rand.New(rand.NewPCG(1, 2))
	var ids []chunker.ID
	for n := range uint32(20) {
		var entries []packfile.Entry
		for i := range uint32(30) {
			ids = append(ids, idOf(r.Uint32N(4), n*100+i))
			entries = append(entries, data(ids[len(ids)-1], 1+r.Uint32N(100)))
		}
		add(t, db, packOf(byte(n+1), entries...))
	}
	sorted := slices.SortedFunc(slices.Values(ids), func(a, b chunker.ID) int { return bytes.Compare(a[:], b[:]) })
	find, err := db.Finder()
	check(t, err)
	defer func() { check(t, find.Close()) }()
	hits := 0
	var run []chunker.ID // in ascending order, dense or sparse
	for range 4000 {
		id := idOf(r.Uint32N(4), r.Uint32N(2100))
		switch r.Uint32N(8) {
		case 0, 1:
			id = ids[r.IntN(len(ids))]
		case 2, 3, 4, 5, 6:
			if len(run) == 0 {
				for every := 1 + r.IntN(40); len(run) < 20; {
					for _, x := range sorted {
						if r.IntN(every) == 0 {
							run = append(run, x)
						}
					}
				}
			}
			id, run = run[0], run[1:]
		}
		want, there, err := db.Lookup(id)
		check(t, err)
		got, ok, err := find.Chunk(id)
		if check(t, err); got != want || ok != there {
			t.Fatalf("%s is at %+v, %v; Lookup says %+v, %v", id, got, ok, want, there)
		}
		if !ok {
			continue
		}
		hits++
		for _, i := range []uint32{got.Frame, got.Frame + 1000} {
			frame, err := db.Frame(got.Pack, i)
			found, ferr := find.Frame(got.Pack, i)
			if frame != found || (err == nil) != (ferr == nil) {
				t.Fatalf("frame %d is %+v, %v; Frame says %+v, %v", i, found, ferr, frame, err)
			}
		}
	}
	if hits < 500 {
		t.Errorf("only %d hits", hits)
	}
}
