package index

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Local rows are what this machine remembers for itself beside the projection:
// no record implies them, no checkpoint holds them, a rebuild forgets them. So
// they may only save work. Keys and values are their owner's.

func localKey(key []byte) []byte { return append([]byte{tableLocal}, key...) }

// Local returns a local row; ok is false if there is none.
func (db *DB) Local(key []byte) (value []byte, ok bool, err error) {
	return get(db.p, localKey(key))
}

// LocalNext returns the first key of a local row that is not below from; ok is
// false if there is none.
func (db *DB) LocalNext(from []byte) (key []byte, ok bool, err error) {
	it, err := db.p.NewIter(&pebble.IterOptions{LowerBound: localKey(from), UpperBound: []byte{tableLocal + 1}})
	if err != nil {
		return nil, false, fmt.Errorf("read index: %w", marked(err))
	}
	if ok = it.First(); ok {
		key = bytes.Clone(it.Key()[1:])
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return nil, false, fmt.Errorf("read index: %w", marked(err))
	}
	return key, ok, nil
}

// LocalBatch gathers changes to local rows. Batches may be made and committed
// beside each other and beside a Batch; one of them is not safe for concurrent
// use. Commit or Close ends it.
type LocalBatch struct {
	b      *pebble.Batch
	health *health
	lost   bool // Pebble has it and does not give it back
}

// NewLocalBatch begins a change of local rows.
func (db *DB) NewLocalBatch() *LocalBatch { return &LocalBatch{b: db.p.NewBatch(), health: db.health} }

// Set writes a row. Key and value are copied.
func (b *LocalBatch) Set(key, value []byte) error { return b.b.Set(localKey(key), value, nil) }

// DeleteRange removes the rows from the key from to before the key to.
func (b *LocalBatch) DeleteRange(from, to []byte) error {
	return b.b.DeleteRange(localKey(from), localKey(to), nil)
}

// Len is what the batch takes in memory, in bytes.
func (b *LocalBatch) Len() int { return b.b.Len() }

// Commit writes the batch, which is not synced: what a crash loses has to be
// found out once more.
func (b *LocalBatch) Commit() error {
	over, err := b.health.write(func() error { return b.b.Commit(pebble.NoSync) })
	b.lost = !over
	return err
}

// Close abandons the batch unless it was committed.
func (b *LocalBatch) Close() error {
	if b.lost {
		return nil
	}
	return b.b.Close()
}
