package scratch

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// disk is the part of a Map that outgrew memory.
type disk struct {
	dir string
	db  *pebble.DB
	fs  *tempFS
}

func openDisk(parent string, memory int) (*disk, error) {
	return openDiskOn(vfs.Default, parent, memory)
}

// diskMin is the least that a memtable and the cache are useful with, in bytes.
const diskMin = 1 << 20

func openDiskOn(base vfs.FS, parent string, memory int) (*disk, error) {
	dir, err := os.MkdirTemp(parent, "afs-scratch-")
	if err != nil {
		return nil, fmt.Errorf("open scratch space: %w", err)
	}
	d := &disk{dir: dir, fs: &tempFS{FS: base}}
	if d.db, err = pebble.Open(dir, diskOptions(d.fs, memory)); err != nil {
		return nil, fmt.Errorf("open scratch space: %w", errors.Join(err, os.RemoveAll(dir)))
	}
	return d, nil
}

func diskOptions(fs vfs.FS, memory int) *pebble.Options {
	memory = min(max(memory, diskMin), DefaultMemory)
	opts := &pebble.Options{
		FS:                    fs,
		Logger:                quiet{},
		CacheSize:             int64(memory),
		MemTableSize:          uint64(memory),
		DisableWAL:            true,
		FormatMajorVersion:    pebble.FormatNewest,
		L0StopWritesThreshold: 1000, // slower reads are better than writers that wait
		// Left to itself Pebble ends the process when it meets what a full disk
		// has cut off; whoever reads or writes next gets the error.
		EventListener: &pebble.EventListener{
			BackgroundError: func(error) {},
			DataCorruption:  func(pebble.DataCorruptionInfo) {},
		},
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return opts
}

// fail is err or, before it, the write error that caused it.
func (d *disk) fail(doing string, err error) error {
	if lost := d.fs.lost(); lost != nil {
		err = lost
	}
	if err != nil {
		return fmt.Errorf("%s scratch space: %w", doing, err)
	}
	return nil
}

func (d *disk) put(key, value []byte) error {
	if d.fs.lost() != nil {
		return d.fail("write", nil)
	}
	return d.fail("write", d.db.Set(key, value, pebble.NoSync))
}

func (d *disk) get(key []byte) ([]byte, bool, error) {
	if d.fs.lost() != nil {
		return nil, false, d.fail("read", nil)
	}
	v, closer, err := d.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, d.fail("read", nil)
	}
	if err != nil {
		return nil, false, d.fail("read", err)
	}
	v = bytes.Clone(v)
	if err := d.fail("read", closer.Close()); err != nil {
		return nil, false, err
	}
	return v, true, nil
}

func (d *disk) iterator(prefix []byte) (*pebble.Iterator, error) {
	var o pebble.IterOptions
	if len(prefix) > 0 {
		o.LowerBound, o.UpperBound = prefix, after(prefix)
	}
	return d.db.NewIter(&o)
}

// yield yields what it holds and closes it.
func (d *disk) yield(it *pebble.Iterator, err error, yield func(Item, error) bool) {
	if err == nil {
		for it.First(); it.Valid() && d.fs.lost() == nil; it.Next() {
			if !yield(Item{it.Key(), it.Value()}, nil) {
				it.Close()
				return
			}
		}
		err = it.Close() // the iterator's error, if it has one
	}
	if err := d.fail("read", err); err != nil {
		yield(Item{}, err)
	}
}

// after is the least key above all that begin with prefix, nil if there is none.
func after(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		end[i]++
		if end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

func (d *disk) close() error {
	// What Pebble says on closing does not matter: it is all thrown away.
	_ = d.db.Close()
	if err := os.RemoveAll(d.dir); err != nil {
		return fmt.Errorf("remove scratch space: %w", err)
	}
	return nil
}

// quiet drops Pebble's log. A fatal error of Pebble's must not go on.
type quiet struct{}

func (quiet) Infof(string, ...any)              {}
func (quiet) Errorf(string, ...any)             {}
func (quiet) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
