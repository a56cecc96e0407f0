package source

import (
	"slices"
	"strings"

	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/filter"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// folder is a directory on the way from the root to where a walk stands.
type folder struct {
	above   *folder // nil above the root
	entry   manifest.Entry
	dir     *handle // nil while closed to save descriptors, and when it was lost
	at      string  // where it is, as Identity.Path; "" if too far down
	info    dirfd.Info
	scope   *filter.Scope
	entered bool   // the visitor knows of it
	names   uint64 // fingerprint of the names in it, see walker.names
}

// path is a name's path from the root, or with "" the folder's own.
func (f *folder) path(name string) string {
	var segs []string
	if name != "" {
		segs = append(segs, name)
	}
	for ; f != nil && f.entry.Name != ""; f = f.above {
		segs = append(segs, f.entry.Name)
	}
	slices.Reverse(segs)
	return strings.Join(segs, "/")
}

// excludes reports whether a name is left out whatever it is.
func (f *folder) excludes(name string) bool {
	return f.scope != nil && f.scope.Match(name, false) == filter.Skip && f.scope.Match(name, true) == filter.Skip
}

// identify checks that what was opened is what info describes.
func (f *folder) identify() error {
	info, err := f.dir.Stat()
	if err == nil && !info.Same(f.info) {
		err = ErrChanged
	}
	return err
}

func (f *folder) close() {
	if f.dir != nil {
		f.dir.release()
		f.dir = nil
	}
}

// push makes f the end of the way, and closes a directory far above it if too
// many are open.
func (w *walker) push(f *folder) {
	w.way = append(w.way, f)
	if far := len(w.way) - 1 - w.limits.open; far >= 0 {
		w.way[far].close()
	}
}

// pop closes f. The directory above it, if it was closed, is opened again by
// "..", and lost if f has been moved to another place meanwhile.
func (w *walker) pop(f *folder) {
	w.way[len(w.way)-1] = nil
	w.way = w.way[:len(w.way)-1]
	if above := f.above; above != nil && above.dir == nil && f.dir != nil {
		if dir, err := f.dir.OpenDir(".."); err == nil {
			above.dir = newHandle(dir)
			if above.identify() != nil {
				above.close()
			}
		}
	}
	f.close()
}
