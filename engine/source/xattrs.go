package source

import (
	"cmp"
	"slices"
	"strings"

	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// keepXattr leaves out what means nothing on another machine, and what mounts
// of this program show.
func keepXattr(name string) bool {
	return manifest.Xattr{Name: name}.Portable() && !strings.HasPrefix(name, "user.afs.")
}

// sortedXattrs is xs as an entry has them, or why it cannot have them.
func sortedXattrs(xs []manifest.Xattr) (sorted []manifest.Xattr, reason string) {
	slices.SortFunc(xs, func(a, b manifest.Xattr) int { return cmp.Compare(a.Name, b.Name) })
	if manifest.CheckXattrs(xs) != nil {
		return nil, "its extended attributes are too large, and were left out"
	}
	return xs, ""
}

// xattrs reads the extended attributes of a file or a directory. Without them
// the entry is still good, so what goes wrong is a problem and no more.
func (w *walker) xattrs(f *folder, name string, of interface {
	Xattrs(wanted func(string) bool) ([]dirfd.Xattr, error)
}) []manifest.Xattr {
	read, err := of.Xattrs(keepXattr)
	if err != nil {
		w.problem(f, name, Reason(err))
		return nil
	}
	var xs []manifest.Xattr
	for _, x := range read {
		xs = append(xs, manifest.Xattr(x))
	}
	xs, reason := sortedXattrs(xs)
	if reason != "" {
		w.problem(f, name, reason)
	}
	return xs
}

// fileXattrs opens a file for its extended attributes alone, and reports false
// if it cannot be read.
func (w *walker) fileXattrs(f *folder, base string, e *manifest.Entry, info dirfd.Info) bool {
	if !w.o.KeepXattrs {
		return true
	}
	file, err := openReader(f.dir.Dir, base, info)
	if err != nil {
		w.problem(f, e.Name, Reason(err))
		return false
	}
	defer file.Close()
	e.Attr.Xattrs = w.xattrs(f, e.Name, file.f)
	return true
}
