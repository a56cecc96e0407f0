package index

import (
	"encoding/binary"
	"fmt"
	"os"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile"
)

// openEnv asks this program, run by a test, to open an index and to say how
// that went.
const openEnv = "AFS_TEST_OPEN_INDEX"

func TestMain(m *testing.M) {
	dir := os.Getenv(openEnv)
	if dir == "" {
		os.Exit(m.Run())
	}
	db, err := Open(dir, Options{})
	fmt.Println(err)
	if err == nil {
		db.Close()
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, dir string) *DB {
	t.Helper()
	db, err := Open(dir, Options{})
	check(t, err)
	return db
}

// newDB is an index that is closed with the test.
func newDB(t testing.TB) *DB {
	t.Helper()
	db := open(t, t.TempDir())
	t.Cleanup(func() { check(t, db.Close()) })
	return db
}

// change makes a batch, and commits it unless f fails.
func change(db *DB, f func(b *Batch) error) error {
	b, err := db.NewBatch()
	if err != nil {
		return err
	}
	defer b.Close()
	if err := f(b); err != nil {
		return err
	}
	return b.Commit()
}

// has is DB.Has for one id.
func has(db *DB, id chunker.ID) (bool, error) {
	ids, have := [1]chunker.ID{id}, [1]bool{}
	err := db.Has(ids[:], have[:], nil)
	return have[0], err
}

// idOf is an id that numbers tell apart; ids of one family begin alike.
func idOf(family, n uint32) (id chunker.ID) {
	binary.BigEndian.PutUint32(id[:], family)
	binary.BigEndian.PutUint32(id[28:], n)
	id[8] = 1 // not zero
	return id
}

func data(id chunker.ID, length uint32) packfile.Entry {
	return packfile.Entry{ID: id, Kind: chunker.Data, Length: length}
}

func node(id chunker.ID, length uint32, deps ...chunker.ID) packfile.Entry {
	e := packfile.Entry{ID: id, Kind: chunker.DirNode, Length: length}
	for _, d := range deps {
		e.Deps = append(e.Deps, packfile.PrefixOf(d))
	}
	return e
}

// packOf is the index of a pack with one frame for each entry.
func packOf(n byte, entries ...packfile.Entry) *packfile.Index {
	x := &packfile.Index{ID: packfile.ID{0: n, 31: 1}, Class: packfile.ClassData, Size: packfile.HeaderSize + packfile.TrailerSize}
	for i, e := range entries {
		if e.Kind.IsNode() {
			x.Class = packfile.ClassMeta
		}
		e.Frame = uint32(i)
		x.Frames = append(x.Frames, packfile.Frame{Offset: x.Size - packfile.TrailerSize, Stored: e.Length, Raw: e.Length, CRC: uint32(i), Entries: 1})
		x.Entries = append(x.Entries, e)
		x.Size += int64(e.Length)
	}
	return x
}

func noExact(*packfile.Index, packfile.Entry) ([]chunker.ID, error) {
	return nil, fmt.Errorf("the nodes were asked although prefixes are enough")
}

func add(t testing.TB, db *DB, packs ...*packfile.Index) {
	t.Helper()
	check(t, change(db, func(b *Batch) error {
		for _, x := range packs {
			if err := b.AddPack(x, noExact); err != nil {
				return err
			}
		}
		return nil
	}))
}

func wantRefs(t testing.TB, db *DB, want map[chunker.ID]uint32) {
	t.Helper()
	for id, n := range want {
		loc, ok, err := db.Lookup(id)
		if err != nil || !ok || loc.Refs != n {
			t.Errorf("%s has %d references (there: %v, %v), want %d", id, loc.Refs, ok, err, n)
		}
	}
}

// export is the whole projection.
func export(t testing.TB, db *DB) (rows [][2]string) {
	t.Helper()
	check(t, db.Export(func(k, v []byte) error {
		rows = append(rows, [2]string{string(k), string(v)})
		return nil
	}))
	return rows
}
