package index

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile"
)

// chunksEnv says how many chunks the index of the benchmarks knows; a million
// without it. 20000000 takes some minutes and 2 GB in TMPDIR.
const chunksEnv = "AFS_BENCH_CHUNKS"

// packChunks is how many 16 KiB chunks a pack of 32 MiB holds if they compress
// to a quarter.
const packChunks = 8192

func benchChunks(b *testing.B) int {
	n, err := strconv.Atoi(os.Getenv(chunksEnv))
	if os.Getenv(chunksEnv) == "" {
		return 1_000_000
	}
	check(b, err)
	return n
}

func randomID(r *rand.Rand) (id chunker.ID) {
	for i := 0; i < len(id); i += 8 {
		binary.LittleEndian.PutUint64(id[i:], r.Uint64())
	}
	return id
}

// randomPack is the index of a pack as an ingest makes it: eight chunks of 16
// KiB in a frame.
func randomPack(r *rand.Rand, chunks int) *packfile.Index {
	x := &packfile.Index{ID: packfile.ID(randomID(r)), Class: packfile.ClassData, Size: packfile.HeaderSize + packfile.TrailerSize}
	for i := range chunks {
		e := data(randomID(r), 16<<10)
		if e.Frame, e.Offset = uint32(i/8), uint32(i%8)*16<<10; e.Offset == 0 {
			x.Frames = append(x.Frames, packfile.Frame{Offset: x.Size, Stored: 60_000, Raw: 128 << 10, Entries: 8})
			x.Size += 60_000
		}
		x.Entries = append(x.Entries, e)
	}
	return x
}

// cpuTime is what this process has used: on a machine that is busy otherwise,
// it tells more than the clock.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// metered runs f until b has enough, and reports CPU time beside the clock's.
func metered(b *testing.B, per int, f func(i int)) {
	b.ReportAllocs()
	start := cpuTime()
	n := 0
	for ; b.Loop(); n++ {
		f(n)
	}
	cpu := cpuTime() - start
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(n*per), "cpu-ns/chunk")
	b.ReportMetric(float64(n*per)/b.Elapsed().Seconds(), "chunks/s")
}

// BenchmarkIndex fills one index and asks it; the results of Pebble alone stand
// beside its own.
func BenchmarkIndex(b *testing.B) {
	dir, r := b.TempDir(), rand.New(rand.NewPCG(1, 2))
	db := open(b, dir)
	var known []chunker.ID
	chunks := benchChunks(b)
	start, cpu := time.Now(), cpuTime()
	for n := 0; n < chunks; n += packChunks {
		x := randomPack(r, packChunks)
		for i := 0; i < len(x.Entries); i += max(1, chunks/1_000_000) {
			known = append(known, x.Entries[i].ID)
		}
		add(b, db, x)
	}
	b.Logf("%d chunks entered: %.0f/s, %.0f CPU-ns a chunk; filter %d bytes", chunks, float64(chunks)/time.Since(start).Seconds(),
		float64((cpuTime()-cpu).Nanoseconds())/float64(chunks), db.FilterBytes())
	check(b, db.p.Flush()) // else the next Open has it to do
	check(b, db.Close())

	b.Run("load", func(b *testing.B) {
		metered(b, 1, func(int) {
			db := open(b, dir)
			_, err := has(db, chunker.ID{})
			check(b, err)
			check(b, db.Close())
		})
	})
	db = open(b, dir)
	defer func() { check(b, db.Close()) }()
	unknown := make([]chunker.ID, 1<<16)
	for i := range unknown {
		unknown[i] = randomID(r)
	}
	known = shuffled(r, known)
	for _, c := range []struct {
		name string
		ids  []chunker.ID
		hit  bool
	}{{"hit", known, true}, {"miss", unknown, false}} {
		b.Run(c.name, func(b *testing.B) {
			metered(b, 1, func(i int) {
				if ok, err := has(db, c.ids[i%len(c.ids)]); ok != c.hit || err != nil {
					b.Fatal(ok, err)
				}
			})
		})
		for _, together := range []int{4, 16, 128} {
			b.Run(fmt.Sprintf("%s/together=%d", c.name, together), func(b *testing.B) {
				have := make([]bool, together)
				metered(b, together, func(i int) {
					at := i * together % (len(c.ids) - together)
					if err := db.Has(c.ids[at:at+together], have, nil); err != nil || have[0] != c.hit {
						b.Fatal(have, err)
					}
				})
			})
		}
		b.Run(c.name+"/pebble", func(b *testing.B) {
			metered(b, 1, func(i int) {
				_, closer, err := db.p.Get(chunkKey(c.ids[i%len(c.ids)]))
				if (err == pebble.ErrNotFound) == c.hit {
					b.Fatal(err)
				}
				if closer != nil {
					closer.Close()
				}
			})
		})
	}
	for _, c := range []struct {
		name   string
		chunks int
	}{{"AddPack/2k", 2000}, {"AddPack/100k", 100_000}} {
		b.Run(c.name, func(b *testing.B) {
			metered(b, c.chunks, func(int) {
				b.StopTimer()
				x := randomPack(r, c.chunks)
				b.StartTimer()
				add(b, db, x)
			})
		})
	}
}

func shuffled(r *rand.Rand, ids []chunker.ID) []chunker.ID {
	r.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	return ids
}
