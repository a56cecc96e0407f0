package scratch

import (
	"os"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// tempFS is a file system for what need not last. It never syncs. And once a
// write has failed it pretends that this one and all that follow succeeded:
// Pebble would try a failed flush again for ever while writers wait, whereas
// here the Map fails with the error, and what Pebble believes no longer
// matters.
type tempFS struct {
	vfs.FS
	err atomic.Pointer[error]
}

// lost is the first write error, if there was one.
func (fs *tempFS) lost() error {
	if p := fs.err.Load(); p != nil {
		return *p
	}
	return nil
}

func (fs *tempFS) lose(err error) { fs.err.CompareAndSwap(nil, &err) }

func (fs *tempFS) wrap(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		fs.lose(err)
		if f, err = fs.FS.Open(os.DevNull); err != nil {
			return nil, err
		}
	}
	return &tempFile{f, fs}, nil
}

func (fs *tempFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return fs.wrap(fs.FS.Create(name, c))
}

func (fs *tempFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return fs.wrap(fs.FS.ReuseForWrite(from, to, c))
}

func (fs *tempFS) OpenDir(name string) (vfs.File, error) {
	f, err := fs.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &tempFile{f, fs}, nil
}

func (fs *tempFS) Unwrap() vfs.FS { return fs.FS }

type tempFile struct {
	vfs.File
	fs *tempFS
}

func (f *tempFile) Write(b []byte) (int, error) {
	if f.fs.lost() == nil {
		if _, err := f.File.Write(b); err != nil {
			f.fs.lose(err)
		}
	}
	return len(b), nil
}

func (f *tempFile) Preallocate(int64, int64) error    { return nil }
func (f *tempFile) Sync() error                       { return nil }
func (f *tempFile) SyncData() error                   { return nil }
func (f *tempFile) SyncTo(int64) (full bool, _ error) { return false, nil }
