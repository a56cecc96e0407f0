package index

import (
	"math/rand/v2"
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
	find, err := db.Finder()
	check(t, err)
	defer func() { check(t, find.Close()) }()
	hits := 0
	for range 4000 {
		id := idOf(r.Uint32N(4), r.Uint32N(2100))
		if r.Uint32N(2) == 0 {
			id = ids[r.IntN(len(ids))]
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
