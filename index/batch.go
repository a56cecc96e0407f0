package index

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile"
)

// Batch is a change that takes effect as a whole or not at all. It reads its
// own writes. Not safe for concurrent use; Commit or Close ends it.
type Batch struct {
	db     *DB
	b      *pebble.Batch // what is read back: registry rows, packs, the position
	frames *pebble.Batch // what is not; with Commit, everything
	chunks pending
	ready  bool     // all of chunks is in frames, too
	fresh  []uint64 // if ready: keys of those that are new
	lost   bool     // Pebble has frames and does not give it back
	failed error    // of an AddPack that was left half-way
	totals Totals
}

// NewBatch begins a change.
func (db *DB) NewBatch() (*Batch, error) {
	t, err := db.Totals()
	if err != nil {
		return nil, err
	}
	return &Batch{db: db, b: db.p.NewIndexedBatch(), frames: db.p.NewBatch(), totals: t}, nil
}

// Totals returns the sums over the index.
func (db *DB) Totals() (Totals, error) {
	v, ok, err := get(db.p, []byte{tableTotals})
	if err != nil || !ok {
		return Totals{}, err
	}
	return decodeTotals(v)
}

// Close abandons the batch unless it was committed.
func (b *Batch) Close() error {
	if b.lost {
		return b.b.Close()
	}
	return errors.Join(b.b.Close(), b.frames.Close())
}

// Commit writes the batch. It is not synced: the log is what lasts. A batch
// whose AddPack has failed cannot be committed.
func (b *Batch) Commit() error {
	if err := b.Check(); err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	all := b.frames
	if err := errors.Join(all.Apply(b.b, nil), all.Set([]byte{tableTotals}, b.totals.encode(), nil)); err != nil {
		return err
	}
	over, err := b.db.write(all, b.fresh)
	b.lost = !over
	return err
}

// Check reports what would keep Commit from succeeding: references to what is
// not there, refcounts out of range. To be asked before the log is told, best
// once all is added: it does most of Commit's work.
func (b *Batch) Check() error {
	if b.failed == nil && !b.ready {
		if b.failed = b.settle(); b.failed == nil {
			b.fresh, b.failed = b.chunks.write(b.frames)
			b.ready = true
		}
	}
	return b.failed
}

// Lookup finds a chunk or node, this batch's own included. Refs may lag behind
// the batch's own changes until Commit.
func (b *Batch) Lookup(id chunker.ID) (Location, bool, error) {
	if i := b.chunks.find(id); i != noRow && b.chunks.rows[i].is(rowThere) {
		return b.chunks.rows[i].loc, true, nil
	}
	return b.db.Lookup(id)
}

// PackNumber finds the number of a pack.
func (b *Batch) PackNumber(id packfile.ID) (uint32, bool, error) { return packNumber(b.b, id) }

// Get returns a registry row, this batch's own included.
func (b *Batch) Get(key []byte) ([]byte, bool, error) { return get(b.b, rowKey(key)) }

// Scan is DB.Scan over the batch and what lies under it.
func (b *Batch) Scan(prefix, from []byte, fn func(key, value []byte) error) error {
	return scanRows(b.b, prefix, from, fn)
}

// Set writes a registry row.
func (b *Batch) Set(key, value []byte) error { return b.b.Set(rowKey(key), value, nil) }

// Delete removes a registry row.
func (b *Batch) Delete(key []byte) error { return b.b.Delete(rowKey(key), nil) }

// AddRef changes a refcount by delta.
func (b *Batch) AddRef(id chunker.ID, delta int64) {
	b.ready = false
	b.chunks.rows[b.chunks.at(id)].delta += delta
}

// settle makes changes of refcounts part of the rows, and moves bytes between
// live and dead where a count leaves or reaches zero.
func (b *Batch) settle() error {
	live := map[uint32]int64{}
	for i := range b.chunks.rows {
		r := &b.chunks.rows[i]
		if !r.is(rowThere) {
			loc, ok, err := b.db.Lookup(r.id)
			if err != nil {
				return err
			}
			if !ok {
				return fmt.Errorf("%w: %s", ErrDangling, r.id)
			}
			r.loc, r.state = loc, r.state|rowThere
		}
		if r.delta == 0 {
			continue
		}
		refs := int64(r.loc.Refs) + r.delta
		if refs < 0 || refs > 1<<32-1 {
			return fmt.Errorf("refcount of %s would become %d", r.id, refs)
		}
		switch {
		case r.loc.Refs == 0 && refs > 0:
			live[r.loc.Pack] += int64(r.loc.Length)
		case r.loc.Refs > 0 && refs == 0:
			live[r.loc.Pack] -= int64(r.loc.Length)
		}
		r.loc.Refs, r.delta, r.state = uint32(refs), 0, r.state|rowChanged
	}
	for n, delta := range live {
		p, err := packRow(b.b, n)
		if err != nil {
			return err
		}
		p.LiveRaw += delta
		if err := b.b.Set(packKey(n), p.encode(), nil); err != nil {
			return err
		}
	}
	return nil
}

func packRow(r pebble.Reader, n uint32) (Pack, error) {
	v, ok, err := get(r, packKey(n))
	if err != nil {
		return Pack{}, err
	}
	if !ok {
		return Pack{}, fmt.Errorf("index has no pack number %d", n)
	}
	return decodePack(v)
}

func packNumber(r pebble.Reader, id packfile.ID) (uint32, bool, error) {
	v, ok, err := get(r, packIDKey(id))
	if err != nil || !ok {
		return 0, false, err
	}
	n, err := packNumberIn(v)
	return n, err == nil, err
}
