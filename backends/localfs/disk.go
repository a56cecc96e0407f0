package localfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// disk is all that the store does to the file system that changes it. Tests
// put one in its place that records, fails or stops. Errors are those of
// package os.
type disk interface {
	Create(path string) (file, error) // to write; must not exist; mode 0400
	Link(old, new string) error       // EEXIST if new is taken
	Rename(old, new string) error     // EEXIST if new is taken
	Mkdir(path string) error          // mode 0700
	SyncDir(path string) error        // the names in it
	Remove(path string) error         // a file, never a directory
	Type(path string) (string, error) // of the file system, as mount(8) has it; "" if that is not known
}

type file interface {
	io.WriteCloser
	Sync() error
	Flush(off, n int64) // begins to write n bytes from off to the disk, if it can
}

type osDisk struct{}

func (osDisk) Create(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

type osFile struct{ *os.File }

func (osDisk) Link(old, new string) error { return os.Link(old, new) }

func (osDisk) Mkdir(path string) error { return os.Mkdir(path, 0o700) }

func (osDisk) SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil // this file system has no such thing
	}
	return err
}

// Remove is unlink(2): os.Remove would take an empty directory, too.
func (osDisk) Remove(path string) error {
	for {
		switch err := syscall.Unlink(path); err {
		case nil:
			return nil
		case syscall.EINTR:
		default:
			return &fs.PathError{Op: "unlink", Path: path, Err: err}
		}
	}
}
