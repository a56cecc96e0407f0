package index

import (
	"errors"
	"testing"
)

func TestLocalRowsStayOnThisMachine(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	add(t, db, packOf(1, data(idOf(1, 1), 100)))
	before := export(t, db)
	b := db.NewLocalBatch()
	for _, key := range []string{"a", "b", "b2", "c", ""} {
		check(t, b.Set([]byte(key), []byte("value of "+key)))
	}
	if b.Len() == 0 {
		t.Error("a batch with rows in it takes no memory")
	}
	check(t, b.Commit())
	check(t, b.Close())
	b = db.NewLocalBatch()
	check(t, b.DeleteRange([]byte("b"), []byte("c")))
	check(t, b.Commit())
	if after := export(t, db); len(after) != len(before) {
		t.Errorf("%d rows of the projection became %d", len(before), len(after))
	}
	check(t, db.Close())
	db = open(t, dir)
	defer db.Close()
	for key, want := range map[string]bool{"a": true, "b": false, "b2": false, "c": true, "": true, "d": false} {
		v, ok, err := db.Local([]byte(key))
		if err != nil || ok != want || ok && string(v) != "value of "+key {
			t.Errorf("%q: %q, %v, %v", key, v, ok, err)
		}
	}
	if _, ok, err := db.Get([]byte("a")); ok || err != nil {
		t.Errorf("a local row is a registry row: %v", err)
	}
	im := db.Import()
	defer im.b.Close()
	if err := im.Row(localKey([]byte("a")), nil); err == nil {
		t.Error("a local row was imported")
	}
}

func TestALocalBatchThatIsAbandonedChangesNothing(t *testing.T) {
	db := newDB(t)
	b := db.NewLocalBatch()
	check(t, b.Set([]byte("a"), nil))
	check(t, b.Close())
	if _, ok, err := db.Local([]byte("a")); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

func TestAFailedIndexTakesNoLocalRows(t *testing.T) {
	db := newDB(t)
	b := db.NewLocalBatch()
	defer b.Close()
	check(t, b.Set([]byte("a"), nil))
	db.health.fail(errors.New("the disk has gone"))
	if err := b.Commit(); !errors.Is(err, ErrFailed) {
		t.Errorf("%v", err)
	}
}
