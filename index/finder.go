package index

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile"
)

// Finder looks up many rows as they were when it was made. It is quickest when
// it is asked in ascending order: of chunk ids, of frames. Not safe for
// concurrent use. It keeps old rows on disk, so it should be short-lived; Close
// ends it.
type Finder struct {
	it    *pebble.Iterator
	key   []byte // asked for
	last  []byte // before that
	there bool   // it is at the first row from last on
	seeks int    // searches before the next attempt to step
}

// Rows that are asked for in ascending order may stand close to each other: then to
// step from one to the next is quicker than to search. If one is not reached in
// stepsMax steps, that is not tried again for a while.
const (
	stepsMax   = 12
	seeksAfter = 64
)

// Finder begins a series of lookups.
func (db *DB) Finder() (*Finder, error) {
	it, err := db.p.NewIter(nil)
	if err != nil {
		return nil, fmt.Errorf("read index: %w", marked(err))
	}
	return &Finder{it: it}, nil
}

// Close releases the finder.
func (f *Finder) Close() error { return f.it.Close() }

// Chunk is DB.Lookup.
func (f *Finder) Chunk(id chunker.ID) (Location, bool, error) {
	f.begin(tableChunk, domain)
	f.key = append(f.key, id[:]...)
	v, ok, err := f.value()
	if err != nil || !ok {
		return Location{}, false, err
	}
	loc, err := decodeLocation(v)
	return loc, err == nil, err
}

// Frame is DB.Frame.
func (f *Finder) Frame(pack, i uint32) (packfile.Frame, error) {
	f.begin(tableFrame, pack)
	f.key = binary.BigEndian.AppendUint32(f.key, i)
	v, ok, err := f.value()
	if err != nil {
		return packfile.Frame{}, err
	}
	if !ok {
		return packfile.Frame{}, noFrame(pack, i)
	}
	return decodeFrame(v)
}

func (f *Finder) begin(table byte, n uint32) {
	f.key, f.last = f.last, f.key
	f.key = binary.BigEndian.AppendUint32(append(f.key[:0], table), n)
}

// seek goes to the first row from f.key on, and reports whether there is one.
func (f *Finder) seek() bool {
	if f.there && f.seeks == 0 && bytes.Compare(f.last, f.key) <= 0 {
		for range stepsMax {
			if bytes.Compare(f.it.Key(), f.key) >= 0 {
				return true
			}
			if !f.it.Next() {
				break // or it has failed: the search will say so
			}
		}
		f.seeks = seeksAfter
	}
	f.seeks = max(f.seeks-1, 0)
	f.there = f.it.SeekGE(f.key)
	return f.there
}

// value is the value of f.key, valid until the next lookup.
func (f *Finder) value() ([]byte, bool, error) {
	if !f.seek() || !bytes.Equal(f.it.Key(), f.key) {
		if err := f.it.Error(); err != nil {
			return nil, false, fmt.Errorf("read index: %w", marked(err))
		}
		return nil, false, nil
	}
	v, err := f.it.ValueAndErr()
	if err != nil {
		return nil, false, fmt.Errorf("read index: %w", marked(err))
	}
	return v, true, nil
}

func noFrame(pack, i uint32) error {
	return fmt.Errorf("index has no frame %d of pack number %d", i, pack)
}
