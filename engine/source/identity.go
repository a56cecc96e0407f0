package source

import (
	"path/filepath"
	"time"

	"github.com/artifortress/afs-engine/engine/dirfd"
)

// Identity is what a system says of a file without reading it. Two that are
// equal are of the same content, if the file had rested for a while when the
// first of them was taken: see package known.
type Identity struct {
	Path         string // absolute, links in the directories of it resolved; "" if there is none
	Dev, Ino     uint64
	Size         int64 // bytes
	MTime, CTime time.Time
}

// pathMax bounds what a walk keeps of paths, in bytes. Files deeper down are
// of no known path, and so have no Identity.
const pathMax = 4096

// identity is the Identity of f's file called base.
func (f *folder) identity(base string, info dirfd.Info) Identity {
	path := below(f.at, base)
	if path == "" {
		return Identity{}
	}
	return Identity{Path: path, Dev: info.Dev, Ino: info.Ino, Size: info.Size, MTime: info.MTime, CTime: info.CTime}
}

// below is the path of a name in the directory at, "" if that is not known or
// becomes too long.
func below(at, base string) string {
	switch {
	case at == "" || len(at)+1+len(base) > pathMax:
		return ""
	case at[len(at)-1] == filepath.Separator:
		return at + base
	}
	return at + string(filepath.Separator) + base
}

// resolved is path absolute and without links, or "".
func resolved(path string) string {
	abs, err := filepath.Abs(path)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil || len(abs) > pathMax {
		return ""
	}
	return abs
}
