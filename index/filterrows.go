package index

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/artifortress/afs-engine/index/bloom"
)

// The filter's rows. Batches survive a crash in their order or not at all, so
// whatever a crash leaves, the parts and the new keys together hold every row:
// a part is overwritten in place by one that holds more, in the batch that made
// it grow or in a save, and only the last batch of a save drops the new keys and
// sets the mark. Without the mark nothing was ever folded, and the new keys are
// all; with it, every part has to be there. A key may be in a part and among the
// new keys; the part that grew does not count it then.
var filterMark = []byte{tableFilter}

// filterFormat is raised when keys or parts change: filters of another format
// are made anew.
const filterFormat = 1

func partKey(n int) []byte { return binary.BigEndian.AppendUint16([]byte{tableFilter}, uint16(n)) }

func newKeysKey(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{tableNewKeys}, n) }

var errFilter = errors.New("the saved filter cannot be used")

// readFilter makes the filter from its rows. After an error it has to be made
// from the chunk rows.
func (db *DB) readFilter() (*bloom.Filter, error) {
	f := &bloom.Filter{}
	format, parts := 0, 0
	err := scan(db.p, []byte{tableFilter}, func(k, v []byte) error {
		switch {
		case len(k) == len(filterMark) && len(v) == 1 && v[0] == filterFormat:
			format = filterFormat
			return nil
		case len(k) != len(partKey(0)):
			return fmt.Errorf("%w: row %q", errFilter, k)
		case format == 0:
			return nil // before the first save, or of one that was not finished
		}
		parts++
		return f.SetPart(int(binary.BigEndian.Uint16(k[1:])), v)
	})
	if err != nil {
		return nil, err
	}
	if format != 0 && parts != bloom.Parts {
		return nil, fmt.Errorf("%w: it has %d parts", errFilter, parts)
	}
	if err := db.readNewKeys(f); err != nil {
		return nil, err
	}
	t, err := db.Totals()
	if err != nil {
		return nil, err
	}
	if rows := t.Chunks + t.Nodes; f.Keys() < rows {
		return nil, fmt.Errorf("%w: it has %d keys for %d rows", errFilter, f.Keys(), rows)
	}
	return f, nil
}

func (db *DB) readNewKeys(f *bloom.Filter) error {
	db.filter.unsaved, db.filter.unsavedIn = 0, [bloom.Parts]int{}
	return scan(db.p, []byte{tableNewKeys}, func(k, v []byte) error {
		if len(k) != len(newKeysKey(0)) || len(v)%8 != 0 {
			return fmt.Errorf("%w: row %q has %d bytes", errFilter, k, len(v))
		}
		for ; len(v) > 0; v = v[8:] {
			key := binary.LittleEndian.Uint64(v)
			f.Add(key)
			db.filter.unsaved++
			db.filter.unsavedIn[bloom.PartOf(key)]++
		}
		db.filter.nextNew = binary.BigEndian.Uint64(k[1:]) + 1
		return nil
	})
}

// setNewKeys writes a row with the keys of the chunk rows in the same batch.
func setNewKeys(b *pebble.Batch, n uint64, keys []uint64) error {
	op := b.SetDeferred(len(newKeysKey(0)), 8*len(keys))
	copy(op.Key, newKeysKey(n))
	for i, k := range keys {
		binary.LittleEndian.PutUint64(op.Value[8*i:], k)
	}
	return op.Finish()
}

// dropFilter removes the rows of a filter that cannot be used, and sees to it
// that they are not used until they are all written anew.
func (db *DB) dropFilter() error {
	b := db.p.NewBatch()
	rows := []byte{tableFilter}
	if err := errors.Join(b.DeleteRange(rows, after(rows), nil), b.Set(filterMark, nil, nil)); err != nil {
		return errors.Join(err, b.Close())
	}
	return db.commitAlone(b)
}

// commitAlone commits and closes a batch that has no chunk rows.
func (db *DB) commitAlone(b *pebble.Batch) error {
	over, err := db.health.write(func() error { return b.Commit(pebble.NoSync) })
	if over {
		err = errors.Join(err, b.Close())
	}
	return err
}

// foldBatch is how many bytes of parts are written at once.
const foldBatch = 64 << 10

// saveFilter folds the new keys into the parts, in batches that it gives to
// commit. The caller holds filter.mu.
func (db *DB) saveFilter(f *bloom.Filter, commit func(*pebble.Batch) error) error {
	b := db.p.NewBatch()
	var value []byte
	for n := range bloom.Parts {
		value = f.AppendPart(value[:0], n, 0)
		if err := b.Set(partKey(n), value, nil); err != nil {
			return errors.Join(err, b.Close())
		}
		if b.Len() < foldBatch {
			continue
		}
		if err := commit(b); err != nil {
			return err
		}
		b = db.p.NewBatch()
	}
	newKeys := []byte{tableNewKeys}
	if err := errors.Join(b.Set(filterMark, []byte{filterFormat}, nil), b.DeleteRange(newKeys, after(newKeys), nil)); err != nil {
		return errors.Join(err, b.Close())
	}
	if err := commit(b); err != nil {
		return err
	}
	db.filter.unsaved, db.filter.unsavedIn = 0, [bloom.Parts]int{}
	return nil
}
