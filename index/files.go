package index

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// files keeps from Pebble what it could not bear. It panics, where nobody can
// recover it, if a directory cannot be synced or the write-ahead log cannot be
// written, closed or begun anew. And while it is being opened, nothing must fail
// that it writes: it would try again for ever, or give up and close files that
// work in the background still reads. Such failures are told to health alone,
// and what Pebble writes after them leads nowhere.
type files struct {
	vfs.FS
	h *health
}

const walSuffix = ".log"

// Create implements vfs.FS.
func (f files) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.made(name)(f.FS.Create(name, c))
}

// ReuseForWrite implements vfs.FS.
func (f files) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.made(to)(f.FS.ReuseForWrite(from, to, c))
}

// OpenReadWrite implements vfs.FS.
func (f files) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.made(name)(f.FS.OpenReadWrite(name, c, opts...))
}

// made turns the result of making a file into what Pebble gets.
func (f files) made(name string) func(vfs.File, error) (vfs.File, error) {
	return func(file vfs.File, err error) (vfs.File, error) {
		s := soundless{file, f.h, strings.HasSuffix(name, walSuffix)}
		if !s.silent() {
			return file, err
		}
		if err != nil {
			f.h.fail(err)
			if s.File, err = vfs.NewMem().Create("nowhere", vfs.WriteCategoryUnspecified); err != nil {
				return nil, err
			}
		}
		return s, nil
	}
}

// OpenDir implements vfs.FS.
func (f files) OpenDir(name string) (vfs.File, error) {
	d, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return soundless{d, f.h, true}, nil
}

// hush keeps a failed change from Pebble while it is being opened. That
// something is not there is an answer.
func (f files) hush(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return soundless{h: f.h}.hush(err)
}

// Link implements vfs.FS.
func (f files) Link(from, to string) error { return f.hush(f.FS.Link(from, to)) }

// Rename implements vfs.FS.
func (f files) Rename(from, to string) error { return f.hush(f.FS.Rename(from, to)) }

// Remove implements vfs.FS.
func (f files) Remove(name string) error { return f.hush(f.FS.Remove(name)) }

// RemoveAll implements vfs.FS.
func (f files) RemoveAll(name string) error { return f.hush(f.FS.RemoveAll(name)) }

// MkdirAll implements vfs.FS.
func (f files) MkdirAll(dir string, perm os.FileMode) error { return f.hush(f.FS.MkdirAll(dir, perm)) }

// soundless is a file or directory whose failures Pebble does not hear of while
// it is being opened, or ever.
type soundless struct {
	vfs.File
	h      *health
	always bool
}

func (s soundless) silent() bool { return s.always || !s.h.opened.Load() }

func (s soundless) hush(err error) error {
	if err == nil || !s.silent() {
		return err
	}
	s.h.fail(err)
	return nil
}

func (s soundless) Write(p []byte) (int, error) {
	n, err := s.File.Write(p)
	if err = s.hush(err); err == nil {
		n = len(p)
	}
	return n, err
}

func (s soundless) WriteAt(p []byte, off int64) (int, error) {
	n, err := s.File.WriteAt(p, off)
	if err = s.hush(err); err == nil {
		n = len(p)
	}
	return n, err
}

// Sync implements vfs.File. What Pebble syncs while it makes an index, a dozen
// times the directory, is synced once, when it has been made: until then nothing
// is in it, and what a power failure leaves is made anew.
func (s soundless) Sync() error {
	if s.h.making.Load() {
		return nil
	}
	return s.hush(s.File.Sync())
}

func (s soundless) SyncData() error {
	if s.h.making.Load() {
		return nil
	}
	return s.hush(s.File.SyncData())
}

func (s soundless) Close() error { return s.hush(s.File.Close()) }

// Preallocate implements vfs.File. Pebble can bear that there is no room yet.
func (s soundless) Preallocate(off, n int64) error {
	err := s.File.Preallocate(off, n)
	if s.always {
		return s.hush(err)
	}
	return err
}

func (s soundless) SyncTo(n int64) (fullSync bool, err error) {
	if s.h.making.Load() {
		return false, nil
	}
	fullSync, err = s.File.SyncTo(n)
	return fullSync, s.hush(err)
}
