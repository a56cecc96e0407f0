//go:build unix && !linux

package dirfd

import "golang.org/x/sys/unix"

// NoATime is not to be had on this system.
const NoATime = 0

// HasSyncAll says whether SyncAll does its work on this system.
const HasSyncAll = false

// SyncAll does nothing on this system: sync each file.
func (d *Dir) SyncAll() error { return nil }

func renameNew(dir int, from, to string) error { return renameAbsent(dir, from, to) }

func setTimes(dir int, f *File, ts [2]unix.Timespec) error {
	return unix.UtimesNanoAt(dir, f.name, ts[:], unix.AT_SYMLINK_NOFOLLOW)
}

// OpenUnnamed cannot be had on this system.
func (d *Dir) OpenUnnamed(uint32) (*File, error) {
	return nil, pathError("open", ".", unix.ENOTSUP)
}

// LinkFile cannot be had on this system.
func (d *Dir) LinkFile(_ *File, name string) error {
	return pathError("link", name, unix.ENOTSUP)
}

// Reserve does nothing on this system.
func Reserve(int) {}
