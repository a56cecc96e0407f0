package index

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// schema is raised when rows change so that older indexes must be rebuilt.
const schema = 3

// Meta says what this index is a projection of. Position is opaque here: it
// belongs to the log.
type Meta struct {
	Schema   int             `json:"schema"`
	Store    string          `json:"store"`  // id of the store
	Writer   []byte          `json:"writer"` // who this index is, to the log
	Position json.RawMessage `json:"position"`
}

var metaKey = []byte{tableMeta}

// Meta returns what SetMeta wrote; ok is false for a new index, and for one
// that an older version wrote.
func (db *DB) Meta() (m Meta, ok bool, err error) {
	v, ok, err := get(db.p, metaKey)
	if err != nil || !ok {
		return Meta{}, false, err
	}
	if err := json.Unmarshal(v, &m); err != nil {
		return Meta{}, false, fmt.Errorf("index has a bad meta row: %w", err)
	}
	return m, m.Schema == schema, nil
}

// SetMeta is part of the batch, so that rows and position move together.
func (b *Batch) SetMeta(m Meta) error {
	m.Schema = schema
	v, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return b.b.Set(metaKey, v, nil)
}

// Export calls fn for every row of the projection, in order, from one
// consistent view: what a checkpoint holds.
func (db *DB) Export(fn func(k, v []byte) error) error {
	snap := db.p.NewSnapshot()
	defer snap.Close()
	for _, table := range exported {
		if err := scan(snap, []byte{table}, fn); err != nil {
			return err
		}
	}
	return nil
}

var exported = []byte{tableChunk, tableFrame, tablePackID, tablePack, tableRow, tableTotals}

// Importer takes exported rows into an empty index.
type Importer struct {
	db   *DB
	b    *pebble.Batch
	keys []uint64 // of the filter, for the chunk rows in b
}

// importBatch is how many bytes of rows are written at once.
const importBatch = 4 << 20

// Import begins an import.
func (db *DB) Import() *Importer { return &Importer{db: db, b: db.p.NewBatch()} }

// Row takes one exported row. A row that Export would not have given is an
// error.
func (im *Importer) Row(k, v []byte) error {
	if err := checkRow(k, v); err != nil {
		return fmt.Errorf("import row %q: %w", k, err)
	}
	if err := im.b.Set(k, v, nil); err != nil {
		return err
	}
	if k[0] == tableChunk {
		im.keys = append(im.keys, binary.BigEndian.Uint64(k[len(chunkPrefix()):]))
	}
	if im.b.Len() < importBatch {
		return nil
	}
	return im.Flush()
}

// Flush writes what Row has gathered.
func (im *Importer) Flush() error {
	over, err := im.db.write(im.b, im.keys)
	if over {
		err = errors.Join(err, im.b.Close())
	}
	im.b, im.keys = im.db.p.NewBatch(), im.keys[:0]
	return err
}
