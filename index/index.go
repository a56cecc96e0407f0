// Package index knows where every chunk is and how many references it has, on
// Pebble. It is a projection: every row but the local ones follows from the
// commit log and the packs' index blocks, so the directory can be deleted at
// any time and comes back. That is also why commits here are not synced: what a crash loses is
// replayed.
//
// Chunk bytes are never stored here, only fixed-size rows that point at them.
//
// Refcounts count edges of the Merkle graph: references of nodes to nodes and
// chunks, and of versions and drafts to their roots. A node's edges are
// counted once, in the batch that inserts its row; a second copy of the same
// node, from a race or a retry, finds the row there and counts nothing.
//
// A filter in memory answers for most ids that have no row (Has, AddPack), and
// leaves Pebble to those that have one. It is a projection of the rows: what it
// says no to has no row, whatever was lost, cut off or damaged before.
//
// Memory is Options.MemoryBytes for Pebble, 1.44 MB for a million chunks for
// the filter once it is asked, and a change: about 200 bytes for each chunk and
// 16 for each edge of a Batch until it is committed, and 100 for each chunk's row
// from Check on.
//
// An index may be open once at a time; ErrBusy says that somebody else has it.
// Once its files could not be written it takes no more writes (ErrFailed).
package index

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"syscall"

	"github.com/cockroachdb/pebble/v2"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile"
)

// Errors of the index.
var (
	ErrBusy     = errors.New("the store is in use by another process")
	ErrCorrupt  = errors.New("the index's files are damaged or missing") // deleting the directory is the cure
	ErrDangling = errors.New("a node refers to a chunk that no pack holds")
)

// DB is an open index. Reads are safe for concurrent use, also beside one
// writer; batches are made and committed by one goroutine at a time. A batch knows
// the rows that were there when it was made: once another one has been committed,
// it must only be closed.
type DB struct {
	p      *pebble.DB
	cache  *pebble.Cache
	lock   *Lock
	alone  bool // nobody else holds lock
	made   bool // where none was
	health *health
	filter filter
}

// Open opens the index in dir, making it if there is none, and holds its lock
// until Close.
func Open(dir string, o Options) (*DB, error) {
	l, err := LockDir(dir, o)
	if err != nil {
		return nil, err
	}
	db, err := l.Open()
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	db.alone = true
	return db, nil
}

// Open opens the index, making it if there is none.
func (l *Lock) Open() (*DB, error) {
	h := newHealth()
	memory, opts := l.o.pebble()
	cache := pebble.NewCache(memory)
	opts.Cache, opts.FS = cache, h.files(l.o.fs())
	opts.Logger, opts.EventListener = h.logger(), h.listener()
	opts.Lock = l.l
	made := l.syncAll
	if !l.o.empty(l.dir) {
		opts.ErrorIfNotExists = true // else Pebble would begin anew among the remains
		made = nil
	}
	p, err := h.open(l.dir, opts, made)
	if err != nil {
		cache.Unref()
		return nil, openError(l.dir, err)
	}
	return &DB{p: p, cache: cache, lock: l, health: h, made: made != nil}, nil
}

// makeDir makes the index's directory and returns its one name: within a
// process Pebble tells by the name whether it holds the lock, which another
// descriptor would release.
func (o Options) makeDir(dir string) (string, error) {
	if err := o.fs().MkdirAll(dir, 0o700); err != nil || o.FS != nil {
		return dir, err
	}
	return realPath(dir)
}

// openError tells what is wrong with the files from what is wrong with the
// machine: only the first is cured by a rebuild.
func openError(dir string, err error) error {
	var errno syscall.Errno
	if !errors.As(err, &errno) || errno == syscall.ENOENT {
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return fmt.Errorf("open index in %s: %w", dir, err)
}

// lockedHere is in what Pebble says, for want of a type, when this process
// itself has the directory open.
const lockedHere = "lock held by current process"

func realPath(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// Close releases the index. Iterators and batches must be closed before. What
// could not be written any more is no error: it comes back from the log.
func (db *DB) Close() error {
	err := db.health.close(db.p, db.lock.l)
	if db.alone {
		err = errors.Join(err, db.lock.Close())
	}
	db.cache.Unref()
	return err
}

// Made reports whether Open has made the index, in an empty directory.
func (db *DB) Made() bool { return db.made }

// Location says where a chunk is, and how often it is referred to.
type Location struct {
	Pack   uint32 // number, see Pack
	Frame  uint32
	Offset uint32 // bytes into the decoded frame
	Length uint32 // bytes
	Refs   uint32
	Kind   chunker.Kind
}

// Lookup finds a chunk or node.
func (db *DB) Lookup(id chunker.ID) (Location, bool, error) {
	v, closer, err := db.p.Get(chunkKey(id))
	if errors.Is(err, pebble.ErrNotFound) {
		return Location{}, false, nil
	}
	if err != nil {
		return Location{}, false, fmt.Errorf("read index: %w", marked(err))
	}
	defer closer.Close()
	loc, err := decodeLocation(v)
	return loc, err == nil, err
}

// Pack describes the pack with a number.
type Pack struct {
	ID      packfile.ID
	Class   packfile.Class
	Size    int64  // bytes of the object
	Chunks  uint32 // entries in its index block
	Raw     int64  // their bytes before compression
	LiveRaw int64  // of these, bytes of chunks located here that something refers to
}

// Pack returns the pack with number n.
func (db *DB) Pack(n uint32) (Pack, error) { return packRow(db.p, n) }

// PackNumber finds the number of a pack.
func (db *DB) PackNumber(id packfile.ID) (uint32, bool, error) { return packNumber(db.p, id) }

// Frame returns frame i of pack n.
func (db *DB) Frame(n, i uint32) (packfile.Frame, error) {
	v, ok, err := get(db.p, frameKey(n, i))
	if err != nil {
		return packfile.Frame{}, err
	}
	if !ok {
		return packfile.Frame{}, noFrame(n, i)
	}
	return decodeFrame(v)
}

// Packs calls fn for every pack in order of numbers, from the number from on.
func (db *DB) Packs(from uint32, fn func(n uint32, p Pack) error) error {
	return scanFrom(db.p, []byte{tablePack}, packKey(from), func(k, v []byte) error {
		p, err := decodePack(v)
		if err != nil {
			return err
		}
		n, err := packNumberIn(k[1:])
		if err != nil {
			return err
		}
		return fn(n, p)
	})
}

// Get returns a registry row; ok is false if there is none.
func (db *DB) Get(key []byte) (value []byte, ok bool, err error) {
	return get(db.p, rowKey(key))
}

// Scan calls fn for the registry rows whose keys begin with prefix, from the
// key from on (nil for all), in order, until fn returns an error, which Scan
// returns. The slices are valid until fn returns.
func (db *DB) Scan(prefix, from []byte, fn func(key, value []byte) error) error {
	return scanRows(db.p, prefix, from, fn)
}

func get(r pebble.Reader, key []byte) ([]byte, bool, error) {
	v, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read index: %w", marked(err))
	}
	defer closer.Close()
	return append(make([]byte, 0, len(v)), v...), true, nil
}

func scan(r pebble.Reader, prefix []byte, fn func(k, v []byte) error) error {
	return scanFrom(r, prefix, prefix, fn)
}

func scanFrom(r pebble.Reader, prefix, from []byte, fn func(k, v []byte) error) (err error) {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: after(prefix)})
	if err != nil {
		return fmt.Errorf("scan index: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for it.First(); it.Valid(); it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if err := fn(it.Key(), v); err != nil {
			return err
		}
	}
	return marked(it.Error())
}

// marked makes Pebble's corruption errors ErrCorrupt.
func marked(err error) error {
	if pebble.IsCorruptionError(err) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

func scanRows(r pebble.Reader, prefix, from []byte, fn func(k, v []byte) error) error {
	if string(from) < string(prefix) {
		from = prefix
	}
	return scanFrom(r, rowKey(prefix), rowKey(from), func(k, v []byte) error { return fn(k[1:], v) })
}

// after is the first key that does not begin with prefix.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

var _ io.Closer = (*DB)(nil)
