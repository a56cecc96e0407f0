package dirfd

import "golang.org/x/sys/unix"

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
