package dirfd

import (
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// File is an open file. Its methods but Close are safe for concurrent use as
// far as the system's are.
type File struct {
	fd   int
	name string
}

// Read implements io.Reader.
func (f *File) Read(b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	err = retry(func() (err error) { n, err = unix.Read(f.fd, b); return })
	if err != nil {
		return 0, pathError("read", f.name, err)
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(b []byte, off int64) (done int, err error) {
	for done < len(b) {
		var n int
		err = retry(func() (err error) { n, err = unix.Pread(f.fd, b[done:], off+int64(done)); return })
		if err != nil {
			return done, pathError("read", f.name, err)
		}
		if n == 0 {
			return done, io.EOF
		}
		done += n
	}
	return done, nil
}

// WriteAt implements io.WriterAt.
func (f *File) WriteAt(b []byte, off int64) (done int, err error) {
	for done < len(b) {
		var n int
		err = retry(func() (err error) { n, err = unix.Pwrite(f.fd, b[done:], off+int64(done)); return })
		if err == nil && n == 0 {
			err = io.ErrShortWrite
		}
		if err != nil {
			return done, pathError("write", f.name, err)
		}
		done += n
	}
	return done, nil
}

// Truncate sets the size; what it adds reads as zeros and takes no space.
func (f *File) Truncate(size int64) error {
	return pathError("truncate", f.name, retry(func() error { return unix.Ftruncate(f.fd, size) }))
}

// Chmod sets the mode, whatever the umask.
func (f *File) Chmod(mode uint32) error {
	return pathError("chmod", f.name, retry(func() error { return unix.Fchmod(f.fd, mode) }))
}

// Chown sets owner and group. A system clears setuid, setgid and capabilities
// then.
func (f *File) Chown(uid, gid uint32) error {
	return pathError("chown", f.name, retry(func() error { return unix.Fchown(f.fd, int(uid), int(gid)) }))
}

// Stat describes the file.
func (f *File) Stat() (Info, error) { return fstat(f.fd, f.name) }

// Sync makes the file's content durable.
func (f *File) Sync() error {
	return pathError("sync", f.name, retry(func() error { return unix.Fsync(f.fd) }))
}

// Close closes the file.
func (f *File) Close() error { return pathError("close", f.name, unix.Close(f.fd)) }

// Chmod sets the mode of d itself.
func (d *Dir) Chmod(mode uint32) error {
	return pathError("chmod", ".", retry(func() error { return unix.Fchmod(d.fd, mode) }))
}

// Chown sets owner and group of d itself.
func (d *Dir) Chown(uid, gid uint32) error {
	return pathError("chown", ".", retry(func() error { return unix.Fchown(d.fd, int(uid), int(gid)) }))
}

// Lchown sets owner and group of an entry of d, of a link its own.
func (d *Dir) Lchown(name string, uid, gid uint32) error {
	return pathError("chown", name, retry(func() error {
		return unix.Fchownat(d.fd, name, int(uid), int(gid), unix.AT_SYMLINK_NOFOLLOW)
	}))
}

// SetMTimeOf is SetMTime for a file that was opened in d and still has its name.
func (d *Dir) SetMTimeOf(f *File, t time.Time) error {
	ts, err := unix.TimeToTimespec(t)
	if err == nil {
		err = retry(func() error { return setTimes(d.fd, f, [2]unix.Timespec{ts, ts}) })
	}
	return pathError("set the time of", f.name, err)
}

// SetMTime sets the modification time of an entry of d, "." for d itself; the
// access time becomes the same.
func (d *Dir) SetMTime(name string, t time.Time) error {
	ts, err := unix.TimeToTimespec(t)
	if err == nil {
		err = retry(func() error {
			return unix.UtimesNanoAt(d.fd, name, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
		})
	}
	return pathError("set the time of", name, err)
}

// Limit is how many descriptors the process may have.
func Limit() uint64 {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil {
		return 0
	}
	return uint64(r.Cur)
}
