package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/index/bloom"
)

// fold saves the filter as a write does when it is due.
func fold(t testing.TB, db *DB) error {
	t.Helper()
	f, err := db.loadFilter()
	check(t, err)
	db.filter.mu.Lock()
	defer db.filter.mu.Unlock()
	return db.saveFilter(f, db.commitAlone)
}

// holdsAll fails the test if a chunk row is unknown to the filter.
func holdsAll(t testing.TB, db *DB, f *bloom.Filter) (rows int64) {
	t.Helper()
	check(t, scan(db.p, chunkPrefix(), func(k, _ []byte) error {
		if rows++; !f.Has(binary.BigEndian.Uint64(k[len(chunkPrefix()):])) {
			t.Fatalf("row %x is not in the filter", k)
		}
		return nil
	}))
	return rows
}

// reads loads the saved filter, which must be whole, and checks it.
func reads(t testing.TB, db *DB) *bloom.Filter {
	t.Helper()
	f, err := db.readFilter()
	if err != nil {
		t.Fatalf("the saved filter is not used: %v", err)
	}
	if rows := holdsAll(t, db, f); f.Keys() < rows {
		t.Fatalf("%d keys for %d rows", f.Keys(), rows)
	}
	return f
}

func TestTheFilterIsKeptAcrossRestarts(t *testing.T) {
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	total := int64(0)
	for range 4 {
		db := open(t, dir)
		reads(t, db)
		for range 3 {
			add(t, db, randomPack(r, 10_000))
			total += 10_000
		}
		check(t, db.Close())
	}
	db := open(t, dir)
	defer func() { check(t, db.Close()) }()
	f, err := db.readFilter()
	check(t, err)
	if rows := holdsAll(t, db, f); rows != total || f.Keys() != total {
		t.Errorf("%d keys for %d rows, want %d", f.Keys(), rows, total)
	}
	if left := db.filter.unsaved; left == total || left > keysMin {
		t.Errorf("%d of %d keys were never folded", left, total)
	}
}

// What has grown need not grow again in the next process.
func TestPartsThatGrewAreKept(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	r := rand.New(rand.NewPCG(1, 2))
	add(t, db, randomPack(r, 60_000))
	check(t, fold(t, db))
	add(t, db, randomPack(r, 30_000))
	bytes := db.FilterBytes()
	check(t, db.Close())
	db = open(t, dir)
	defer func() { check(t, db.Close()) }()
	f := reads(t, db)
	if f.Bytes() != bytes {
		t.Errorf("the filter has %d bytes, want the %d it had grown to", f.Bytes(), bytes)
	}
	for n := range bloom.Parts {
		if !f.Room(n, 0) {
			t.Errorf("part %d is too full again", n)
		}
	}
}

// A save is stopped after each of its batches, the first save and a later one,
// and that of a filter that was made anew.
func TestASaveThatEndsHalfWayDoesNoHarm(t *testing.T) {
	stop := errors.New("stop")
	for _, before := range []string{"nothing", "a save", "damage"} {
		whole := false
		for batches := 0; !whole; batches++ {
			dir := t.TempDir()
			db := open(t, dir)
			r := rand.New(rand.NewPCG(1, 2))
			add(t, db, randomPack(r, 3000))
			if before != "nothing" {
				check(t, fold(t, db))
				add(t, db, randomPack(r, 300))
			}
			f, err := db.loadFilter()
			check(t, err)
			if before == "damage" {
				check(t, db.dropFilter())
			}
			left := batches
			err = db.saveFilter(f, func(b *pebble.Batch) error {
				if left--; left < 0 {
					return errors.Join(stop, b.Close())
				}
				return db.commitAlone(b)
			})
			whole = err == nil
			if !whole && !errors.Is(err, stop) {
				t.Fatal(err)
			}
			check(t, db.Close())
			db = open(t, dir)
			if before == "damage" && !whole {
				if _, err := db.readFilter(); err == nil {
					t.Fatalf("%d batches after damage: what is left is used", batches)
				}
				f, err := db.loadFilter()
				check(t, err)
				holdsAll(t, db, f)
			}
			reads(t, db)
			check(t, db.Close())
			if whole && batches < 3 {
				t.Errorf("a save takes %d batches: it never ends half-way", batches)
			}
		}
	}
}

// The power is cut while chunks are added and the filter is folded: whatever
// rows come back, their keys do, and without looking at the rows.
func TestACrashLosesNoKeyOfARow(t *testing.T) {
	t.Parallel()
	moments, keys := 0, map[int64]bool{}
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 1))
		disk := vfs.NewCrashableMem()
		// Each write to the files is a moment at which the power may go.
		var crashed []*vfs.MemFS
		var mu sync.Mutex
		moment := errorfs.InjectorFunc(func(op errorfs.Op) error {
			mu.Lock()
			defer mu.Unlock()
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && r.IntN(40) == 0 && len(crashed) < 6 {
				crashed = append(crashed, disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: r}))
			}
			return nil
		})
		db, err := Open("index", Options{FS: errorfs.Wrap(disk, moment), MemoryBytes: 2 << 20})
		check(t, err)
		chunks := rand.New(rand.NewPCG(seed, 2))
		for i := range 12 {
			add(t, db, randomPack(chunks, 700))
			if i%3 == 2 {
				check(t, fold(t, db))
			}
		}
		check(t, db.Close())
		for _, disk := range crashed {
			db, err := Open("index", Options{FS: disk})
			if errors.Is(err, ErrCorrupt) {
				continue // it had not been made yet
			}
			check(t, err)
			moments++
			keys[reads(t, db).Keys()] = true
			add(t, db, randomPack(chunks, 100))
			reads(t, db)
			check(t, db.Close())
		}
	}
	t.Logf("%d crashes left %d different numbers of keys", moments, len(keys))
	if len(keys) < 3 {
		t.Error("the crashes are all alike")
	}
}

// As above, with a disk that fails.
func TestAFailedWriteLosesNoKeyOfARow(t *testing.T) {
	t.Parallel()
	for n := int64(5); n < 200; n += 1 + n/4 {
		disk := vfs.NewMem()
		inj := &failFrom{once: n%2 == 0, cause: syscall.EIO}
		inj.n.Store(n)
		within(t, func() {
			db, err := Open("index", Options{FS: errorfs.Wrap(disk, inj), MemoryBytes: 2 << 20})
			if err != nil {
				return
			}
			r := rand.New(rand.NewPCG(1, 2))
			for i := 0; err == nil && i < 8; i++ {
				x := randomPack(r, 3000)
				if err = change(db, func(b *Batch) error { return b.AddPack(x, noExact) }); err == nil && i%2 == 1 {
					err = fold(t, db)
				}
			}
			holdsAll(t, db, db.filter.loaded.Load())
			_ = db.Close()
		})
		db, err := Open("index", Options{FS: disk})
		if errors.Is(err, ErrCorrupt) {
			continue
		}
		check(t, err)
		reads(t, db)
		check(t, db.Close())
	}
}

func TestADamagedFilterIsMadeAnew(t *testing.T) {
	x := randomPack(rand.New(rand.NewPCG(1, 2)), 3000)
	later := randomPack(rand.New(rand.NewPCG(3, 4)), 300)
	part := partKey(bloom.PartOf(keyOf(x.Entries[0].ID)))
	for name, damage := range map[string]func(db *DB) error{
		"a bit of a part": func(db *DB) error {
			v, ok, err := get(db.p, part)
			if err == nil && ok {
				v[len(v)/2] ^= 4
				err = db.p.Set(part, v, pebble.NoSync)
			}
			return err
		},
		"a part is gone": func(db *DB) error { return db.p.Delete(part, pebble.NoSync) },
		"a part is gone and the count does not show it": func(db *DB) error {
			return errors.Join(db.p.Delete(part, pebble.NoSync), db.p.Set(newKeysKey(9), make([]byte, 8*3000), pebble.NoSync))
		},
		"a part too many":   func(db *DB) error { return db.p.Set(partKey(bloom.Parts), nil, pebble.NoSync) },
		"a part is empty":   func(db *DB) error { return db.p.Set(part, (&bloom.Filter{}).AppendPart(nil, 0, 0), pebble.NoSync) },
		"the mark is gone":  func(db *DB) error { return db.p.Delete(filterMark, pebble.NoSync) },
		"another format":    func(db *DB) error { return db.p.Set(filterMark, []byte{filterFormat + 1}, pebble.NoSync) },
		"a strange row":     func(db *DB) error { return db.p.Set([]byte{tableFilter, 1}, nil, pebble.NoSync) },
		"new keys are gone": func(db *DB) error { return db.p.Delete(newKeysKey(1), pebble.NoSync) },
		"new keys are cut":  func(db *DB) error { return db.p.Set(newKeysKey(1), make([]byte, 7), pebble.NoSync) },
		"a strange new key": func(db *DB) error { return db.p.Set([]byte{tableNewKeys}, nil, pebble.NoSync) },
		"there never was one": func(db *DB) error {
			return db.p.DeleteRange([]byte{tableFilter}, []byte{tableFilter + 1}, pebble.NoSync)
		},
		"nothing at all is left": func(db *DB) error {
			return errors.Join(db.p.DeleteRange([]byte{tableFilter}, []byte{tableFilter + 1}, pebble.NoSync),
				db.p.DeleteRange([]byte{tableNewKeys}, []byte{tableNewKeys + 1}, pebble.NoSync))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			db := open(t, dir)
			add(t, db, x)
			check(t, fold(t, db))
			add(t, db, later)
			check(t, damage(db))
			check(t, db.Close())

			db = open(t, dir)
			defer func() { check(t, db.Close()) }()
			if _, err := db.readFilter(); err == nil {
				t.Fatal("the damage is not noticed")
			}
			for _, e := range append(x.Entries, later.Entries...) {
				if ok, err := has(db, e.ID); !ok || err != nil {
					t.Fatalf("%s: %v, %v", e.ID, ok, err)
				}
			}
			reads(t, db) // it was saved again
			add(t, db, randomPack(rand.New(rand.NewPCG(5, 6)), 300))
			reads(t, db)
		})
	}
}

func FuzzFilterRows(f *testing.F) {
	f.Add([]byte{filterFormat}, (&bloom.Filter{}).AppendPart(nil, 0, 0), []byte("12345678"))
	f.Add([]byte{}, []byte{}, []byte("1234567"))
	f.Fuzz(func(t *testing.T, mark, part, keys []byte) {
		db, err := Open("index", Options{FS: vfs.NewMem(), MemoryBytes: 1})
		check(t, err)
		defer func() { check(t, db.Close()) }()
		add(t, db, packOf(1, data(idOf(1, 0), 10)))
		check(t, db.p.Set(filterMark, mark, pebble.NoSync))
		check(t, db.p.Set(partKey(0), part, pebble.NoSync))
		check(t, db.p.Set(newKeysKey(5), keys, pebble.NoSync))
		db.filter.loaded.Store(nil)
		if ok, err := has(db, idOf(1, 0)); !ok || err != nil {
			t.Fatalf("a chunk is lost: %v, %v", ok, err)
		}
		if got := fmt.Sprint(has(db, chunker.ID(bytes.Repeat([]byte{7}, 32)))); got != "false <nil>" {
			t.Fatalf("a chunk that never was: %s", got)
		}
	})
}
