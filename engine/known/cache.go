package known

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/artifortress/afs-engine/engine/source"
	"github.com/artifortress/afs-engine/index"
)

// batchBytes is how much is gathered in memory before it is written.
const batchBytes = 256 << 10

// Cache remembers files. All methods are safe for concurrent use.
type Cache struct {
	db      *index.DB
	now     func() time.Time
	rowsMax int64
	any     atomic.Bool // db may hold something
	gap     atomic.Pointer[gap]
	missed  atomic.Bool // the last file that was looked for was not there

	mu    sync.Mutex
	gen   generation        // the younger
	batch *index.LocalBatch // not written yet; nil: nothing
	wrote uint64            // how often batches were written
}

// Open returns what db remembers. Flush it before db is closed.
func Open(db *index.DB, now func() time.Time) (*Cache, error) {
	c := &Cache{db: db, now: now, rowsMax: rowsMax}
	v, there, err := db.Local(generationKey)
	if err != nil {
		return nil, fmt.Errorf("open the cache of known files: %w", err)
	}
	var ok bool
	if c.gen, ok = decodeGeneration(v); ok {
		c.any.Store(true)
		return c, nil
	}
	c.gen = generation{number: 1, began: now()}
	if there { // by another version
		c.batch = db.NewLocalBatch()
		return c, c.batch.DeleteRange([]byte{tableFile}, []byte{tableFile + 1})
	}
	return c, nil
}

// Find looks for the file that id describes, as far as trust goes. An id
// without a path is of none.
func (c *Cache) Find(id source.Identity, t Trust) (f File, ok bool, err error) {
	if t == Nothing || id.Path == "" || !c.any.Load() {
		return File{}, false, nil
	}
	c.mu.Lock()
	young, wrote := c.gen.number, c.wrote
	c.mu.Unlock()
	if c.gap.Load().holds(young, id.Path) {
		return File{}, false, nil
	}
	v, ok, err := c.db.Local(rowKey(young, id.Path))
	old := !ok && err == nil && young > 1
	if old {
		v, ok, err = c.db.Local(rowKey(young-1, id.Path))
	}
	if err != nil {
		return File{}, false, err
	}
	if missed := c.missed.Swap(!ok); !ok {
		if missed {
			err = c.findGap(young, wrote, id.Path)
		}
		return File{}, false, err
	}
	was, f, ok := decodeRow(v)
	if !ok || !t.agree(was, id) {
		return File{}, false, nil
	}
	if old {
		f.old = v
	}
	return f, true, nil
}

// Keep says that f, which Find has found, was of use.
func (c *Cache) Keep(id source.Identity, f File) error {
	if f.old == nil {
		return nil
	}
	return c.put(id.Path, f.old)
}

// Add remembers f as what was in the file that id describes, where id was taken
// before, and agreed with after, a reading that began at began. It leaves out a
// file that was touched too shortly before.
func (c *Cache) Add(id source.Identity, f File, began time.Time) error {
	if !Settled(id, f, began) {
		return nil
	}
	return c.put(id.Path, encodeRow(id, f))
}

// Settled reports whether Add remembers f.
func Settled(id source.Identity, f File, began time.Time) bool {
	return id.Path != "" && f.Size == id.Size && began.Sub(id.CTime) >= Settle
}

func (c *Cache) put(path string, row []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.batch == nil {
		c.batch = c.db.NewLocalBatch()
	}
	if err := c.batch.Set(rowKey(c.gen.number, path), row); err != nil {
		return err
	}
	c.gen.rows++
	if c.batch.Len() < batchBytes && c.gen.rows < c.rowsMax {
		return nil
	}
	return c.flush()
}

// Flush writes what is gathered. It is not synced.
func (c *Cache) Flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flush()
}

func (c *Cache) flush() error {
	turn := c.due()
	if c.batch == nil && !turn {
		return nil
	}
	b := c.batch
	if b == nil {
		b = c.db.NewLocalBatch()
	}
	c.batch = nil
	c.any.Store(true)
	defer b.Close()
	defer func() {
		c.wrote++
		c.gap.Store(nil)
	}()
	if turn {
		c.gen = generation{number: c.gen.number + 1, began: c.now()}
		if err := b.DeleteRange(rowKey(0, ""), rowKey(c.gen.number-1, "")); err != nil {
			return err
		}
	}
	if err := b.Set(generationKey, c.gen.encode()); err != nil {
		return err
	}
	if err := b.Commit(); err != nil {
		return fmt.Errorf("write the cache of known files: %w", err)
	}
	return nil
}

// due reports whether the next generation is to begin. A clock that went back
// makes it begin early rather than never.
func (c *Cache) due() bool {
	age := c.now().Sub(c.gen.began)
	return c.gen.rows >= c.rowsMax || age > ageMax || age < -ageMax
}
