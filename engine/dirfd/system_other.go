//go:build unix && !linux

package dirfd

// NoATime is not to be had on this system.
const NoATime = 0

// HasSyncAll says whether SyncAll does its work on this system.
const HasSyncAll = false

// SyncAll does nothing on this system: sync each file.
func (d *Dir) SyncAll() error { return nil }

func renameNew(dir int, from, to string) error { return renameAbsent(dir, from, to) }
