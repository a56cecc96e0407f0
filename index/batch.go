package index

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile"
)

// Batch is a change that takes effect as a whole or not at all. It reads its
// own writes. Not safe for concurrent use; Commit or Close ends it.
type Batch struct {
	b      *pebble.Batch
	health *health
	lost   bool  // Pebble has it and does not give it back
	failed error // of an AddPack that was left half-way
	totals Totals
	refs   map[chunker.ID]int64 // changes not yet written, so that a chunk's row is rewritten once
}

// NewBatch begins a change.
func (db *DB) NewBatch() (*Batch, error) {
	b := db.p.NewIndexedBatch()
	t, err := totals(b)
	if err != nil {
		b.Close()
		return nil, err
	}
	return &Batch{b: b, health: db.health, totals: t, refs: map[chunker.ID]int64{}}, nil
}

// Totals returns the sums over the index.
func (db *DB) Totals() (Totals, error) { return totals(db.p) }

func totals(r pebble.Reader) (Totals, error) {
	v, ok, err := get(r, []byte{tableTotals})
	if err != nil || !ok {
		return Totals{}, err
	}
	return decodeTotals(v)
}

// Close abandons the batch unless it was committed.
func (b *Batch) Close() error {
	if b.lost {
		return nil
	}
	return b.b.Close()
}

// Commit writes the batch. It is not synced: the log is what lasts. A batch
// whose AddPack has failed cannot be committed.
func (b *Batch) Commit() error {
	if err := b.Check(); err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	if err := b.b.Set([]byte{tableTotals}, b.totals.encode(), nil); err != nil {
		return err
	}
	over, err := b.health.write(func() error { return b.b.Commit(pebble.NoSync) })
	b.lost = !over
	return err
}

// Check reports what would keep Commit from succeeding: references to what is
// not there, refcounts out of range. To be asked before the log is told.
func (b *Batch) Check() error {
	if b.failed == nil {
		b.failed = b.flushRefs()
	}
	return b.failed
}

// Lookup finds a chunk or node, this batch's own included. Refs may lag behind
// the batch's own changes until Commit.
func (b *Batch) Lookup(id chunker.ID) (Location, bool, error) { return lookup(b.b, id) }

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
func (b *Batch) AddRef(id chunker.ID, delta int64) { b.refs[id] += delta }

// ExactDeps reads the ids that a node of pack x depends on from the node
// itself. It is asked only if the prefixes in the index block fit several ids.
type ExactDeps func(x *packfile.Index, e packfile.Entry) ([]chunker.ID, error)

// AddPack enters a pack: its frames, a row for each chunk that has none yet,
// and the edges of the nodes among them. A pack that is there already changes
// nothing.
func (b *Batch) AddPack(x *packfile.Index, exact ExactDeps) error {
	err := b.addPack(x, exact)
	if err != nil {
		b.failed = err
	}
	return err
}

func (b *Batch) addPack(x *packfile.Index, exact ExactDeps) error {
	if _, ok, err := packNumber(b.b, x.ID); ok || err != nil {
		return err
	}
	if x.Domain != domain {
		return fmt.Errorf("add pack %s: dedup domain %d is not known", x.ID, x.Domain)
	}
	if b.totals.NextPack > math.MaxUint32 {
		return fmt.Errorf("add pack %s: no pack numbers are left", x.ID)
	}
	n := uint32(b.totals.NextPack)
	p := Pack{ID: x.ID, Class: x.Class, Size: x.Size, Chunks: uint32(len(x.Entries))}
	for i, f := range x.Frames {
		p.Raw += int64(f.Raw)
		if err := b.b.Set(frameKey(n, uint32(i)), encodeFrame(f), nil); err != nil {
			return err
		}
	}
	var nodes []packfile.Entry
	for _, e := range x.Entries {
		key := chunkKey(e.ID)
		if _, ok, err := get(b.b, key); err != nil {
			return err
		} else if ok {
			continue
		}
		loc := Location{Pack: n, Frame: e.Frame, Offset: e.Offset, Length: e.Length, Kind: e.Kind}
		if err := b.b.Set(key, loc.encode(), nil); err != nil {
			return err
		}
		if e.Kind.IsNode() {
			nodes = append(nodes, e)
			b.totals.Nodes++
			b.totals.NodeBytes += int64(e.Length)
		} else {
			b.totals.Chunks++
			b.totals.UniqueBytes += int64(e.Length)
		}
	}
	b.totals.NextPack++
	b.totals.Packs++
	b.totals.PackBytes += x.Size
	if err := errors.Join(b.b.Set(packKey(n), p.encode(), nil), b.b.Set(packIDKey(x.ID), packKey(n)[1:], nil)); err != nil {
		return err
	}
	if len(nodes) > 0 {
		return b.countEdges(x, nodes, exact)
	}
	return nil
}

// countEdges adds the references that nodes make. Every chunk they refer to
// must have a row by now.
func (b *Batch) countEdges(x *packfile.Index, nodes []packfile.Entry, exact ExactDeps) (err error) {
	prefix := chunkPrefix()
	it, err := b.b.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for _, node := range nodes {
		ids := make([]chunker.ID, 0, len(node.Deps))
		for _, d := range node.Deps {
			id, count := resolve(it, prefix, d)
			if count == 0 {
				return fmt.Errorf("%w: node %s, reference %x…", ErrDangling, node.ID, d)
			}
			if count > 1 {
				if ids, err = exact(x, node); err != nil {
					return err
				}
				break
			}
			ids = append(ids, id)
		}
		for _, id := range ids {
			b.refs[id]++
		}
	}
	return it.Error()
}

// resolve finds the ids that begin with d: one of them, and whether there are
// none, one or several (2).
func resolve(it *pebble.Iterator, prefix []byte, d packfile.DepPrefix) (id chunker.ID, count int) {
	key := append(append(make([]byte, 0, len(prefix)+len(d)), prefix...), d[:]...)
	for ok := it.SeekGE(key); ok && bytes.HasPrefix(it.Key(), key); ok = it.Next() {
		if count++; count > 1 {
			break
		}
		copy(id[:], it.Key()[len(prefix):])
	}
	return id, count
}

// flushRefs rewrites the rows of chunks whose refcounts changed, and moves
// bytes between live and dead where a count leaves or reaches zero.
func (b *Batch) flushRefs() error {
	live := map[uint32]int64{}
	for id, delta := range b.refs {
		loc, ok, err := b.Lookup(id)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%w: %s", ErrDangling, id)
		}
		refs := int64(loc.Refs) + delta
		if refs < 0 || refs > 1<<32-1 {
			return fmt.Errorf("refcount of %s would become %d", id, refs)
		}
		switch {
		case loc.Refs == 0 && refs > 0:
			live[loc.Pack] += int64(loc.Length)
		case loc.Refs > 0 && refs == 0:
			live[loc.Pack] -= int64(loc.Length)
		}
		loc.Refs = uint32(refs)
		if err := b.b.Set(chunkKey(id), loc.encode(), nil); err != nil {
			return err
		}
	}
	clear(b.refs)
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
