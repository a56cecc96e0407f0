package index

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/index/bloom"
	"github.com/artifortress/afs-engine/packfile"
)

// filter stands in front of the chunk rows and answers for most ids that have
// none. Its keys are the first eight bytes of ids, which is also what an index
// block keeps of a reference.
//
// It is loaded when it is first asked; who only reads chunks never pays for it.
// The keys of new rows are written in the same batch as the rows, and folded
// into the saved parts when there are many: so what is loaded has every row
// that Pebble has, whatever was lost in between, without looking at the rows.
// Rows that were deleted stay in it until their part grows.
type filter struct {
	mu      sync.Mutex // held to load, and to write
	loaded  atomic.Pointer[bloom.Filter]
	nextNew uint64 // number of the next row of tableNewKeys
	unsaved int64  // keys in those there are

	unsavedIn [bloom.Parts]int // of these, by part
}

// keyOf is the filter's key of an id.
func keyOf(id chunker.ID) uint64 { return binary.BigEndian.Uint64(id[:]) }

func keyOfPrefix(d packfile.DepPrefix) uint64 { return binary.BigEndian.Uint64(d[:]) }

// keysMin is how many new keys are gathered at least before they are folded.
const keysMin = 1 << 16

// due reports whether so many new keys have gathered that it is time to fold
// them: it costs about 1.5 bytes written for each key in the filter.
func (x *filter) due(f *bloom.Filter) bool { return x.unsaved > max(keysMin, f.Keys()/8) }

// Has reports which of ids are chunks or nodes of the index: have[i] is about
// ids[i], and packs[i] is the number of the pack that it is in; packs may be nil. It is
// quicker than Lookup where there is none, and takes the filter's memory. What
// the filter does not rule out is looked up in the order of the index, by one
// iterator if there are some.
func (db *DB) Has(ids []chunker.ID, have []bool, packs []uint32) (err error) {
	f, err := db.loadFilter()
	if err != nil {
		return err
	}
	maybe := make([]place, 0, len(ids))
	for i := range ids {
		have[i] = false
		if key := keyOf(ids[i]); f.Has(key) {
			maybe = append(maybe, place{key, int32(i)})
		}
	}
	var loc Location
	if len(maybe) < seeksMin {
		for _, m := range maybe {
			if loc, have[m.i], err = db.Lookup(ids[m.i]); err != nil {
				return err
			}
			if packs != nil {
				packs[m.i] = loc.Pack
			}
		}
		return nil
	}
	slices.SortFunc(maybe, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.key, b.key), bytes.Compare(ids[a.i][:], ids[b.i][:]))
	})
	find, err := db.Finder()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, find.Close()) }()
	for _, m := range maybe {
		if loc, have[m.i], err = find.Chunk(ids[m.i]); err != nil {
			return err
		}
		if packs != nil {
			packs[m.i] = loc.Pack
		}
	}
	return nil
}

// MayHave reports whether id may be a chunk or node of the index, as far as the filter
// can say, if it is in memory.
func (db *DB) MayHave(id *chunker.ID) bool {
	f := db.filter.loaded.Load()
	return f == nil || f.Has(keyOf(*id))
}

// seeksMin is how many lookups are worth an iterator.
const seeksMin = 4

// FilterBytes is what the filter in front of the chunk rows takes in memory: 0
// as long as nobody has asked it, then about 1.44 MB for a million chunks.
func (db *DB) FilterBytes() int64 {
	if f := db.filter.loaded.Load(); f != nil {
		return f.Bytes()
	}
	return 0
}

// loadFilter makes the filter ready. No new chunk rows are written before it is.
func (db *DB) loadFilter() (*bloom.Filter, error) {
	if f := db.filter.loaded.Load(); f != nil {
		return f, nil
	}
	x := &db.filter
	x.mu.Lock()
	defer x.mu.Unlock()
	if f := x.loaded.Load(); f != nil {
		return f, nil
	}
	f, err := db.readFilter()
	anew := err != nil
	if anew {
		if f, err = db.scanFilter(); err != nil {
			return nil, fmt.Errorf("make the index's filter: %w", err)
		}
	}
	x.loaded.Store(f)
	if anew && db.dropFilter() == nil || x.due(f) {
		_ = db.saveFilter(f, db.commitAlone) // if it fails, whoever loads it next has the work again
	}
	return f, nil
}

// scanFilter makes the filter from the rows.
func (db *DB) scanFilter() (*bloom.Filter, error) {
	f := &bloom.Filter{}
	rows, err := db.newChunkRows()
	if err != nil {
		return nil, err
	}
	defer rows.close()
	for n := range bloom.Parts {
		var keys []uint64
		if err := rows.part(n, func(key uint64) { keys = append(keys, key) }); err != nil {
			return nil, err
		}
		if len(keys) == 0 {
			continue
		}
		err := f.Grow(n, len(keys), func(yield func(uint64)) error {
			for _, k := range keys {
				yield(k)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return f, nil
}

// addKeys adds the keys of rows that b is about to write, sorted, and makes the
// parts grow that have no room for them. Such a part is written with b, so that
// it need not grow again when the filter is next loaded. A part whose rows
// cannot be read stays as it is, fuller than it should be: whoever needs the
// rows gets the error.
func (db *DB) addKeys(b *pebble.Batch, f *bloom.Filter, keys []uint64) error {
	var rows *chunkRows
	for len(keys) > 0 {
		n := bloom.PartOf(keys[0])
		end := 1
		for end < len(keys) && bloom.PartOf(keys[end]) == n {
			end++
		}
		grown := false
		if !f.Room(n, end) {
			if rows == nil {
				rows, _ = db.newChunkRows()
			}
			grown = rows != nil && f.Grow(n, end, func(yield func(uint64)) error { return rows.part(n, yield) }) == nil
		}
		for _, k := range keys[:end] {
			f.Add(k)
		}
		db.filter.unsavedIn[n] += end
		if grown {
			if err := b.Set(partKey(n), f.AppendPart(nil, n, db.filter.unsavedIn[n]), nil); err != nil {
				return err
			}
		}
		keys = keys[end:]
	}
	if rows != nil {
		rows.close()
	}
	return nil
}

// chunkRows walks the keys of the chunk rows there are, part by part.
type chunkRows struct{ it *pebble.Iterator }

func (db *DB) newChunkRows() (*chunkRows, error) {
	prefix := chunkPrefix()
	it, err := db.p.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return nil, marked(err)
	}
	return &chunkRows{it}, nil
}

// close gives the iterator back; what it failed at, part has returned.
func (r *chunkRows) close() { _ = r.it.Close() }

func (r *chunkRows) part(n int, yield func(key uint64)) error {
	prefix := chunkPrefix()
	first := binary.BigEndian.AppendUint64(chunkPrefix(), bloom.First(n))
	for ok := r.it.SeekGE(first); ok; ok = r.it.Next() {
		k := r.it.Key()[len(prefix):]
		if len(k) != chunker.IDSize {
			return fmt.Errorf("index has a bad chunk row: %w", errKey)
		}
		key := binary.BigEndian.Uint64(k)
		if bloom.PartOf(key) != n {
			break
		}
		yield(key)
	}
	return marked(r.it.Error())
}

// write commits a batch of Pebble's with new chunk rows that have these keys.
// over is false if Pebble keeps the batch.
func (db *DB) write(b *pebble.Batch, keys []uint64) (over bool, err error) {
	commit := func() error { return b.Commit(pebble.NoSync) }
	if len(keys) == 0 {
		return db.health.write(commit)
	}
	if err := db.health.err(); err != nil {
		return true, err // what Pebble still has under way must stay in the filter
	}
	f, err := db.loadFilter()
	if err != nil {
		return true, err
	}
	x := &db.filter
	x.mu.Lock()
	defer x.mu.Unlock()
	if !slices.IsSorted(keys) {
		slices.Sort(keys)
	}
	// First: a row is never there without its key.
	if err := errors.Join(db.addKeys(b, f, keys), setNewKeys(b, x.nextNew, keys)); err != nil {
		return true, err
	}
	x.nextNew++
	if over, err = db.health.write(commit); err != nil {
		return over, err
	}
	if x.unsaved += int64(len(keys)); x.due(f) {
		_ = db.saveFilter(f, db.commitAlone) // the rows are written; if this fails, the next write says so
	}
	return over, nil
}
