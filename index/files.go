package index

import (
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// files keeps from Pebble what it could not bear: it panics, where nobody can
// recover it, if a directory cannot be synced or the write-ahead log cannot be
// written, closed or begun anew. Such failures are told to health alone, and
// what Pebble writes after them leads nowhere.
type files struct {
	vfs.FS
	h *health
}

const (
	walSuffix   = ".log"
	tableSuffix = ".sst"
)

// Create implements vfs.FS.
func (f files) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.wal(name)(f.FS.Create(name, c))
}

// ReuseForWrite implements vfs.FS.
func (f files) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.wal(to)(f.FS.ReuseForWrite(from, to, c))
}

// wal turns the result of making a file into what Pebble gets.
func (f files) wal(name string) func(vfs.File, error) (vfs.File, error) {
	return func(file vfs.File, err error) (vfs.File, error) {
		if !strings.HasSuffix(name, walSuffix) {
			return file, err
		}
		if err != nil {
			if !f.h.opened.Load() {
				return nil, err // Open can bear it
			}
			f.h.fail(err)
			if file, err = vfs.NewMem().Create("nowhere", vfs.WriteCategoryUnspecified); err != nil {
				return nil, err
			}
		}
		return soundless{file, f.h}, nil
	}
}

// OpenDir implements vfs.FS.
func (f files) OpenDir(name string) (vfs.File, error) {
	d, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return soundless{d, f.h}, nil
}

// soundless is a file or directory whose failures Pebble does not hear of.
type soundless struct {
	vfs.File
	h *health
}

func (s soundless) hush(err error) error {
	if err != nil {
		s.h.fail(err)
	}
	return nil
}

func (s soundless) Write(p []byte) (int, error) {
	_, err := s.File.Write(p)
	return len(p), s.hush(err)
}

func (s soundless) WriteAt(p []byte, off int64) (int, error) {
	_, err := s.File.WriteAt(p, off)
	return len(p), s.hush(err)
}

func (s soundless) Preallocate(off, n int64) error { return s.hush(s.File.Preallocate(off, n)) }
func (s soundless) Sync() error                    { return s.hush(s.File.Sync()) }
func (s soundless) SyncData() error                { return s.hush(s.File.SyncData()) }
func (s soundless) Close() error                   { return s.hush(s.File.Close()) }

func (s soundless) SyncTo(n int64) (fullSync bool, err error) {
	fullSync, err = s.File.SyncTo(n)
	return fullSync, s.hush(err)
}
