package dirfd

import (
	"time"

	"golang.org/x/sys/unix"
)

// Type is what an entry is.
type Type uint8

// The types; Other are devices, pipes and sockets.
const (
	Other Type = iota
	Regular
	Directory
	Link
)

// Info is what stat says.
type Info struct {
	Type         Type
	Mode         uint32 // 07777
	Size         int64  // bytes
	UID, GID     uint32
	Dev, Ino     uint64
	Links        uint64 // names that it has
	MTime, CTime time.Time
}

// Same reports whether both describe the same entry of the same file system.
func (i Info) Same(o Info) bool { return i.Type == o.Type && i.Dev == o.Dev && i.Ino == o.Ino }

// Unchanged reports whether, beyond Same, nothing has touched content or
// attributes between the two.
func (i Info) Unchanged(o Info) bool {
	return i.Same(o) && i.Size == o.Size && i.MTime.Equal(o.MTime) && i.CTime.Equal(o.CTime)
}

// Stat describes what stands at a path, following links.
func Stat(path string) (Info, error) {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Stat(path, &st) }); err != nil {
		return Info{}, pathError("stat", path, err)
	}
	return infoOf(&st), nil
}

func fstat(fd int, name string) (Info, error) {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstat(fd, &st) }); err != nil {
		return Info{}, pathError("stat", name, err)
	}
	return infoOf(&st), nil
}

// infoOf converts: the fields' types differ between systems.
func infoOf(st *unix.Stat_t) Info {
	i := Info{
		Mode: uint32(st.Mode) & 0o7777, Size: st.Size, UID: st.Uid, GID: st.Gid,
		Dev: uint64(st.Dev), Ino: uint64(st.Ino), Links: uint64(st.Nlink),
		MTime: time.Unix(st.Mtim.Unix()), CTime: time.Unix(st.Ctim.Unix()),
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		i.Type = Regular
	case unix.S_IFDIR:
		i.Type = Directory
	case unix.S_IFLNK:
		i.Type = Link
	}
	return i
}
