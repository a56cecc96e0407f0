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
	it  *pebble.Iterator
	key []byte
}

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
	f.key = binary.BigEndian.AppendUint32(append(f.key[:0], tableChunk), domain)
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
	f.key = binary.BigEndian.AppendUint32(append(f.key[:0], tableFrame), pack)
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

// value is the value of f.key, valid until the next lookup.
func (f *Finder) value() ([]byte, bool, error) {
	if !f.it.SeekGE(f.key) || !bytes.Equal(f.it.Key(), f.key) {
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
