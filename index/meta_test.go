package index

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/artifortress/afs-engine/packfile/wire"
)

func TestMetaMovesWithTheRows(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	if m, ok, err := db.Meta(); ok || err != nil {
		t.Fatalf("a new index says %+v, %v", m, err)
	}
	want := Meta{Store: "store", Writer: []byte{1, 2}, Position: json.RawMessage(`{"Sequence":7}`)}
	check(t, change(db, func(b *Batch) error { return b.SetMeta(want) }))
	if err := change(db, func(b *Batch) error {
		if err := b.SetMeta(Meta{Store: "other"}); err != nil {
			return err
		}
		return errors.New("abandoned")
	}); err == nil {
		t.Fatal("not abandoned")
	}
	check(t, db.Close())
	db = open(t, dir)
	defer db.Close()
	got, ok, err := db.Meta()
	if err != nil || !ok || got.Store != want.Store || string(got.Writer) != string(want.Writer) || string(got.Position) != string(want.Position) {
		t.Fatalf("%+v, %v, %v", got, ok, err)
	}
}

func TestAnIndexOfAnotherSchemaIsNotUsed(t *testing.T) {
	db := newDB(t)
	for _, v := range []int{0, schema - 1, schema + 1} {
		check(t, db.p.Set(metaKey, fmt.Appendf(nil, `{"schema":%d,"store":"s"}`, v), pebble.NoSync))
		if m, ok, err := db.Meta(); ok || err != nil {
			t.Errorf("schema %d: %+v, %v, %v", v, m, ok, err)
		}
	}
	check(t, db.p.Set(metaKey, []byte("{"), pebble.NoSync))
	if m, ok, err := db.Meta(); ok || err == nil {
		t.Errorf("a torn row: %+v, %v", m, ok)
	}
}

// sample fills an index with rows of every table.
func sample(t testing.TB, db *DB) {
	t.Helper()
	add(t, db, packOf(1, data(idOf(1, 0), 10), data(idOf(2, 0), 20)), packOf(2, node(idOf(3, 0), 5, idOf(1, 0))))
	check(t, change(db, func(b *Batch) error {
		b.AddRef(idOf(3, 0), 1)
		return errors.Join(b.Set([]byte("name"), []byte("value")), b.Set(nil, nil), b.SetMeta(Meta{Store: "here"}))
	}))
	check(t, db.PutSession(SessionID{1}, Session{}))
}

func TestWhatIsExportedIsImported(t *testing.T) {
	from, to := newDB(t), newDB(t)
	sample(t, from)
	rows := export(t, from)
	im := to.Import()
	for _, r := range rows {
		check(t, im.Row([]byte(r[0]), []byte(r[1])))
	}
	check(t, im.Flush())
	if got := export(t, to); !slices.Equal(got, rows) {
		t.Fatalf("%d rows, want the same %d", len(got), len(rows))
	}
	// What is this machine's own does not travel.
	if _, ok, err := to.Meta(); ok || err != nil {
		t.Errorf("meta travelled, %v", err)
	}
	if s, err := to.Sessions(); len(s) != 0 || err != nil {
		t.Errorf("sessions travelled: %v, %v", s, err)
	}
	// And it goes on where the other was.
	add(t, to, packOf(3, data(idOf(4, 0), 1)))
	if n, ok, err := to.PackNumber(packOf(3).ID); n != 2 || !ok || err != nil {
		t.Errorf("the next pack has number %d, %v, %v", n, ok, err)
	}
}

func TestLargeImportsAreWrittenInParts(t *testing.T) {
	db := newDB(t)
	im := db.Import()
	value := make([]byte, 1<<20)
	for i := range 10 {
		check(t, im.Row(rowKey(fmt.Append(nil, i)), value))
	}
	check(t, im.Flush())
	if got := export(t, db); len(got) != 10 {
		t.Fatalf("%d rows", len(got))
	}
}

func TestExportIsOfOneMoment(t *testing.T) {
	db := newDB(t)
	sample(t, db)
	want := len(export(t, db))
	n := 0
	check(t, db.Export(func(_, _ []byte) error {
		n++
		return change(db, func(b *Batch) error { return b.Set(fmt.Append(nil, "later ", n), nil) })
	}))
	if n != want {
		t.Fatalf("%d rows, want %d", n, want)
	}
}

func TestRowsOfNoTableAreRefused(t *testing.T) {
	db := newDB(t)
	sample(t, db)
	for _, r := range export(t, db) {
		k, v := []byte(r[0]), []byte(r[1])
		bad := [][2][]byte{}
		if k[0] != tableRow {
			bad = append(bad, [2][]byte{append(slices.Clone(k), 0), v}, [2][]byte{k, append(slices.Clone(v), 0)}, [2][]byte{k, v[:len(v)-1]}, [2][]byte{k, nil})
			if len(k) > 1 {
				bad = append(bad, [2][]byte{k[:len(k)-1], v}, [2][]byte{k[:1], v})
			}
		}
		im := db.Import()
		for _, b := range bad {
			if err := im.Row(b[0], b[1]); !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("row %q = %q: %v", b[0], b[1], err)
			}
		}
	}
	for _, k := range []string{"", "x", "m", "s0123456789abcdef"} {
		if err := db.Import().Row([]byte(k), []byte("{}")); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("row %q: %v", k, err)
		}
	}
}
