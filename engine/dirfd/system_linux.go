package dirfd

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// NoATime, among OpenFile's flags, leaves the access time alone. Only a
// file's owner may use it.
const NoATime = unix.O_NOATIME

// HasSyncAll says whether SyncAll does its work on this system.
const HasSyncAll = true

// SyncAll makes all that was written to d's file system durable.
func (d *Dir) SyncAll() error {
	return pathError("sync", ".", retry(func() error { return unix.Syncfs(d.fd) }))
}

func renameNew(dir int, from, to string) error {
	err := unix.Renameat2(dir, from, dir, to, unix.RENAME_NOREPLACE)
	if err == unix.EINVAL || err == unix.ENOSYS { // not every file system can
		return renameAbsent(dir, from, to)
	}
	return err
}

// setTimes goes by the descriptor: no name need be looked up.
func setTimes(_ int, f *File, ts [2]unix.Timespec) error {
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(f.fd), 0, uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// OpenUnnamed makes a file in d that has no name until LinkFile gives it one,
// and is gone with its descriptor. Not every file system can do that.
func (d *Dir) OpenUnnamed(mode uint32) (*File, error) {
	fd, err := openat(d.fd, ".", openFlags|unix.O_TMPFILE|unix.O_WRONLY, mode)
	if err != nil {
		return nil, err
	}
	return &File{fd, "."}, nil
}

// LinkFile gives a file that OpenUnnamed has made in d a name there. It fails
// with fs.ErrExist if anything has that name, and not every user may do it.
func (d *Dir) LinkFile(f *File, name string) error {
	return pathError("link", name, retry(func() error { return unix.Linkat(f.fd, "", d.fd, name, unix.AT_EMPTY_PATH) }))
}

// Reserve has room made for n descriptors in the process's table, and does not
// wait for that. The system makes it larger by and by, doubling it, and in a
// process with several threads whoever needs the new room waits for some 10 ms.
func Reserve(n int) {
	fd, err := openat(unix.AT_FDCWD, "/", unix.O_CLOEXEC|unix.O_PATH, 0)
	if err != nil {
		return // nothing depends on it
	}
	go func() {
		if last, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, n-1); err == nil {
			_ = unix.Close(last)
		}
		_ = unix.Close(fd)
	}()
}
