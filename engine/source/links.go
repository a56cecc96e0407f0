package source

import (
	"encoding/binary"

	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/index/scratch"
)

// linkGroups finds the names of one file in a walk over directories.
type linkGroups struct {
	groups *scratch.Map // device and inode → group; nil until there is one
}

// of is the group of the file described by info, whose name in the walk is
// path. The first name gives the group its id.
func (l *linkGroups) of(info dirfd.Info, path func() string, o Options) (links manifest.Links, err error) {
	if info.Links < 2 {
		return links, nil
	}
	if l.groups == nil {
		if l.groups, err = o.scratch(); err != nil {
			return links, err
		}
	}
	links.Count = uint32(min(info.Links, 1<<32-1))
	key := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, info.Dev), info.Ino)
	known, ok, err := l.groups.Get(key)
	if ok || err != nil {
		copy(links.Group[:], known)
		return links, err
	}
	links.Group = manifest.LinkGroup(path())
	return links, l.groups.Put(key, links.Group[:])
}

func (l *linkGroups) close() {
	if l.groups != nil {
		l.groups.Close()
	}
}
