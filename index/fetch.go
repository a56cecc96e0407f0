package index

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/artifortress/afs-engine/chunker"
)

// stored is what Pebble has of a key of the filter.
type stored struct {
	key  uint64
	rows int // that begin with it: none, one or several
	id   chunker.ID
	loc  Location // of the one
}

// A part of fetchMax keys is read at once, on all processors, for nobody else has
// anything to do where the last packs of an ingest are added.
const (
	fetchMax = 1 << 13
	fetchMin = 1 << 10 // keys for each processor: fewer are not worth a goroutine
)

// fetch reads what Pebble has of keys, which rise.
func (db *DB) fetch(keys []stored) error {
	if len(keys) == 0 {
		return nil
	}
	n := max(1, min(runtime.GOMAXPROCS(0), len(keys)/fetchMin))
	errs := make([]error, n)
	var g sync.WaitGroup
	for i := range n {
		part := keys[i*len(keys)/n : (i+1)*len(keys)/n]
		g.Go(func() { errs[i] = db.fetchPart(part) })
	}
	g.Wait()
	return errors.Join(errs...)
}

func (db *DB) fetchPart(keys []stored) (err error) {
	prefix := chunkPrefix()
	it, err := db.p.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return fmt.Errorf("read index: %w", marked(err))
	}
	defer func() { err = errors.Join(err, marked(it.Close())) }()
	var row []byte
	for i := range keys {
		k := &keys[i]
		row = rowKeyOf(row[:0], k.key)
		for ok := it.SeekGE(row); ok && bytes.HasPrefix(it.Key(), row); ok = it.Next() {
			if k.rows++; k.rows > 1 {
				break
			}
			v, err := it.ValueAndErr()
			if err != nil {
				return fmt.Errorf("read index: %w", marked(err))
			}
			if k.loc, err = decodeLocation(v); err != nil {
				return err
			}
			copy(k.id[:], it.Key()[len(prefix):])
		}
		if err := it.Error(); err != nil {
			return fmt.Errorf("read index: %w", marked(err))
		}
	}
	return nil
}
