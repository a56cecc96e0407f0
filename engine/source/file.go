package source

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/artifortress/afs-engine/engine/dirfd"
)

// openFile opens a file of dir that lstat has described as want.
func openFile(dir *dirfd.Dir, name string, want dirfd.Info) (io.ReadCloser, error) {
	r, err := openReader(dir, name, want)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func openReader(dir *dirfd.Dir, name string, want dirfd.Info) (*fileReader, error) {
	flags := os.O_RDONLY
	if uid := os.Geteuid(); uid == 0 || uint32(uid) == want.UID {
		flags |= dirfd.NoATime
	}
	f, err := dir.OpenFile(name, flags, 0)
	if flags&dirfd.NoATime != 0 && errors.Is(err, fs.ErrPermission) {
		f, err = dir.OpenFile(name, os.O_RDONLY, 0)
	}
	if err != nil {
		return nil, swapped(err)
	}
	r := &fileReader{f: f, want: want}
	if err := r.check(); err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

// swapped is err, or ErrChanged if it says that what lstat saw as a file or
// directory was something else when it was opened.
func swapped(err error) error {
	if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENOTDIR) {
		return ErrChanged
	}
	return err
}

// fileReader reads a file that must stay as it is meanwhile. It asks the
// system again once it has all the bytes that were announced.
type fileReader struct {
	f    *dirfd.File
	want dirfd.Info
	n    int64 // bytes read
	err  error // io.EOF or what went wrong
}

func (r *fileReader) Read(b []byte) (n int, err error) {
	if len(b) == 0 || r.err != nil {
		return 0, r.err
	}
	if rest := r.want.Size - r.n; rest > 0 {
		n, err = r.f.Read(b[:min(int64(len(b)), rest)])
		r.n += int64(n)
	} else {
		err = r.checkEmpty()
	}
	switch {
	case err == io.EOF: // before the announced end
		r.err = ErrChanged
	case err != nil:
		r.err = err
	case r.n < r.want.Size:
		return n, nil
	default:
		if r.err = r.check(); r.err == nil {
			r.err = io.EOF
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

// check compares the file with what it was.
func (r *fileReader) check() error {
	info, err := r.f.Stat()
	if err == nil && !info.Unchanged(r.want) {
		err = ErrChanged
	}
	return err
}

// checkEmpty finds out files that claim to be empty and are not, as in /proc.
func (r *fileReader) checkEmpty() error {
	var b [1]byte
	switch n, err := r.f.Read(b[:]); {
	case n > 0:
		return ErrChanged
	case err == io.EOF:
		return nil
	default:
		return err
	}
}

func (r *fileReader) Close() error { return r.f.Close() }
