package source

import (
	"archive/tar"
	"strings"

	"github.com/artifortress/afs-engine/engine/manifest"
)

// paxXattr begins the keys of PAX records that hold extended attributes.
const paxXattr = "SCHILY.xattr."

// extras takes owner and extended attributes of an entry, as far as the
// options want them.
func (t *tarReader) extras(h *tar.Header, path string, a *manifest.Attr) {
	if t.o.KeepOwner {
		if validID(h.Uid) && validID(h.Gid) {
			a.Owner = manifest.Owner{Known: true, UID: uint32(h.Uid), GID: uint32(h.Gid)}
		} else {
			t.problem(path, "its user or group is no such number, and was left out")
		}
	}
	if !t.o.KeepXattrs || h.Typeflag == tar.TypeSymlink {
		return
	}
	var xs []manifest.Xattr
	for key, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(key, paxXattr); ok && keepXattr(name) {
			xs = append(xs, manifest.Xattr{Name: name, Value: value})
		}
	}
	xs, reason := sortedXattrs(xs)
	if reason != "" {
		t.problem(path, reason)
	}
	a.Xattrs = xs
}

func validID(id int) bool { return id >= 0 && uint64(id) <= manifest.OwnerMax }
