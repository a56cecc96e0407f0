package index

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Names in an index's directory that are not the index's own: its lock, and
// where the process that holds it can be reached.
const (
	lockFile  = "LOCK"
	OwnerFile = "OWNER"
)

// Lock is the right to an index's directory. Whoever holds it may open the
// index there, remove it, and open it again, and no other process comes between.
type Lock struct {
	dir string
	o   Options
	l   *pebble.Lock
}

// LockDir takes the lock of the index in dir, which it makes if it is not
// there. It fails with ErrBusy if anybody has it.
func LockDir(dir string, o Options) (*Lock, error) {
	dir, err := o.makeDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	l, err := pebble.LockDirectory(dir, o.fs())
	if err != nil {
		return nil, lockError(dir, err)
	}
	return &Lock{dir, o, l}, nil
}

// Close gives the lock back. Indexes opened under it must be closed before.
func (l *Lock) Close() error { return l.l.Close() }

// Remove deletes the index, which must not be open. The directory stays: it may
// be a mount point, or a link to another disk. So do the lock and OwnerFile.
func (l *Lock) Remove() error {
	names, err := l.o.fs().List(l.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, name := range names {
		if !notOfIndex(name) {
			err = errors.Join(err, l.o.fs().RemoveAll(l.o.fs().PathJoin(l.dir, name)))
		}
	}
	if err == nil { // before another index is begun there
		err = syncOne(l.o.fs().OpenDir(l.dir))
	}
	return err
}

// syncAll makes the index's files durable, and their names.
func (l *Lock) syncAll() error {
	files := l.o.fs()
	names, err := files.List(l.dir)
	for _, name := range names {
		if err == nil && !notOfIndex(name) {
			err = syncOne(files.Open(files.PathJoin(l.dir, name)))
		}
	}
	if err == nil {
		err = syncOne(files.OpenDir(l.dir))
	}
	return err
}

// syncOne syncs a file that has been opened for that. One that is gone need not
// be.
func syncOne(f vfs.File, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	return err
}

func notOfIndex(name string) bool { return name == lockFile || name == OwnerFile }

// empty reports whether dir holds no part of an index.
func (o Options) empty(dir string) bool {
	names, err := o.fs().List(dir)
	return err == nil && !slices.ContainsFunc(names, func(name string) bool { return !notOfIndex(name) })
}

func lockError(dir string, err error) error {
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) && locked(dir) || strings.Contains(err.Error(), lockedHere) {
		return fmt.Errorf("%w (%s)", ErrBusy, dir)
	}
	return fmt.Errorf("open index in %s: %w", dir, err)
}

// locked reports whether the directory itself is writable, so that a refusal
// can only come from the lock.
func locked(dir string) bool { return syscall.Access(dir, 2) == nil }
