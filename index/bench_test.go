package index

import (
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile"
)

// benchChunks is how many chunks the index of a benchmark knows.
const benchChunks = 200_000

func filled(b *testing.B) (db *DB, known []chunker.ID) {
	b.Helper()
	db = newDB(b)
	r := rand.New(rand.NewPCG(1, 2))
	for n := range benchChunks / 2000 {
		var entries []packfile.Entry
		for range 2000 {
			e := data(randomID(r), 16<<10)
			entries = append(entries, e)
			known = append(known, e.ID)
		}
		add(b, db, packOf(byte(n), entries...))
	}
	check(b, db.p.Flush())
	return db, known
}

func randomID(r *rand.Rand) (id chunker.ID) {
	for i := range id {
		id[i] = byte(r.Uint32())
	}
	return id
}

// BenchmarkLookup compares with Pebble's own Get of the same keys.
func BenchmarkLookup(b *testing.B) {
	db, known := filled(b)
	r := rand.New(rand.NewPCG(3, 4))
	unknown := make([]chunker.ID, 4096)
	for i := range unknown {
		unknown[i] = randomID(r)
	}
	for _, c := range []struct {
		name string
		ids  []chunker.ID
		hit  bool
	}{{"hit", known, true}, {"miss", unknown, false}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, ok, err := db.Lookup(c.ids[i*7919%len(c.ids)]); ok != c.hit || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
		b.Run(c.name+"/pebble", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_, closer, err := db.p.Get(chunkKey(c.ids[i*7919%len(c.ids)]))
				if (err == pebble.ErrNotFound) == c.hit {
					b.Fatal(err)
				}
				if closer != nil {
					closer.Close()
				}
			}
		})
	}
}

func BenchmarkAddPack(b *testing.B) {
	db := newDB(b)
	r := rand.New(rand.NewPCG(5, 6))
	const entries = 2000
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		var all []packfile.Entry
		for range entries {
			all = append(all, data(randomID(r), 16<<10))
		}
		x := packOf(byte(i), all...)
		x.ID[1], x.ID[2] = byte(i>>8), byte(i>>16)
		b.StartTimer()
		add(b, db, x)
	}
	b.ReportMetric(float64(b.N)*entries/b.Elapsed().Seconds(), "chunks/s")
}
