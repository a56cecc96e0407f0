package index

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/artifortress/afs-engine/chunker"
)

func TestHasIsExact(t *testing.T) {
	db := newDB(t)
	r := rand.New(rand.NewPCG(1, 2))
	for range 4 {
		x := randomPack(r, 5_000)
		for i, e := range x.Entries {
			if ok, err := has(db, e.ID); ok || err != nil {
				t.Fatalf("chunk %d is there before it is added: %v", i, err)
			}
		}
		add(t, db, x)
		for i, e := range x.Entries {
			if ok, err := has(db, e.ID); !ok || err != nil {
				t.Fatalf("chunk %d is not there: %v", i, err)
			}
		}
	}
	// Neither is there what was abandoned.
	x := randomPack(r, 10)
	if err := change(db, func(b *Batch) error { return errors.Join(b.AddPack(x, noExact), errors.New("abandoned")) }); err == nil {
		t.Fatal("not abandoned")
	}
	for _, e := range x.Entries {
		if ok, err := has(db, e.ID); ok || err != nil {
			t.Errorf("an abandoned chunk is there: %v", err)
		}
	}
}

func TestHasIsTheSameForManyAtOnce(t *testing.T) {
	db := newDB(t)
	r := rand.New(rand.NewPCG(3, 4))
	x := randomPack(r, 3_000)
	add(t, db, x)
	for n := range 200 {
		ids, want, have := make([]chunker.ID, n), make([]bool, n), make([]bool, n)
		for i := range ids {
			have[i] = r.IntN(2) == 0 // what stood there before
			switch r.IntN(3) {
			case 0:
				ids[i] = randomID(r)
			case 1: // the filter takes it for one that is there
				ids[i] = x.Entries[r.IntN(len(x.Entries))].ID
				ids[i][31] ^= 1
			default:
				ids[i], want[i] = x.Entries[r.IntN(len(x.Entries))].ID, true
			}
		}
		if n > 2 {
			ids[n-1], want[n-1] = ids[0], want[0]
		}
		if err := db.Has(ids, have, nil); err != nil || !slices.Equal(have, want) {
			t.Fatalf("%d ids: %v, want %v: %v", n, have, want, err)
		}
	}
}

func TestWhoOnlyLooksUpPaysForNoFilter(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	x := randomPack(rand.New(rand.NewPCG(1, 2)), 5000)
	add(t, db, x)
	if db.FilterBytes() == 0 {
		t.Error("the filter takes nothing")
	}
	check(t, db.Close())
	db = open(t, dir)
	defer func() { check(t, db.Close()) }()
	if _, ok, err := db.Lookup(x.Entries[0].ID); !ok || err != nil || db.FilterBytes() != 0 {
		t.Errorf("found: %v, %v; the filter takes %d bytes", ok, err, db.FilterBytes())
	}
}

func TestImportedRowsAreInTheFilter(t *testing.T) {
	from, to := newDB(t), newDB(t)
	x := randomPack(rand.New(rand.NewPCG(1, 2)), 60_000) // more than a batch of an import
	add(t, from, x)
	if ok, err := has(to, x.Entries[0].ID); ok || err != nil { // from now on it is loaded
		t.Fatal(ok, err)
	}
	im := to.Import()
	for _, r := range export(t, from) {
		check(t, im.Row([]byte(r[0]), []byte(r[1])))
	}
	check(t, im.Flush())
	reads(t, to)
	for _, e := range x.Entries {
		if ok, err := has(to, e.ID); !ok || err != nil {
			t.Fatalf("%s: %v, %v", e.ID, ok, err)
		}
	}
}

// A part that cannot grow because its rows cannot be read takes the keys all
// the same.
func TestUnreadableRowsKeepNoKeyOut(t *testing.T) {
	var broken atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsRead {
			return syscall.EIO
		}
		return nil
	}))
	r := rand.New(rand.NewPCG(1, 2))
	db, err := Open("index", Options{FS: fs})
	check(t, err)
	add(t, db, randomPack(r, 50_000))
	check(t, db.p.Flush())
	check(t, db.Close())
	db, err = Open("index", Options{FS: fs})
	check(t, err)
	defer func() { check(t, db.Close()) }()
	f, err := db.loadFilter()
	check(t, err)
	holdsAll(t, db, f)
	keys := make([]uint64, 0, 200_000)
	for i := range uint64(cap(keys)) {
		keys = append(keys, i<<46|r.Uint64N(1<<46))
	}
	broken.Store(true)
	b := db.p.NewBatch()
	defer func() { check(t, b.Close()) }()
	check(t, db.addKeys(b, f, keys))
	broken.Store(false)
	holdsAll(t, db, f)
	for _, k := range keys {
		if !f.Has(k) {
			t.Fatalf("%#x is lost", k)
		}
	}
}

func TestReadersFindEveryCommittedChunkWhileTheFilterGrows(t *testing.T) {
	db := newDB(t)
	const packs, chunks = 30, 2000
	all := make([][]chunker.ID, packs)
	var added atomic.Int64
	var wg sync.WaitGroup
	for seed := range uint64(2) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(7, seed))
			for {
				n := added.Load()
				if n == packs {
					return
				}
				if n == 0 {
					continue
				}
				if ok, err := has(db, all[r.Int64N(n)][r.IntN(chunks)]); !ok || err != nil {
					t.Error(ok, err)
					return
				}
			}
		})
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range all {
		x := randomPack(r, chunks)
		for _, e := range x.Entries {
			all[i] = append(all[i], e.ID)
		}
		add(t, db, x)
		added.Add(1)
	}
	wg.Wait()
}
