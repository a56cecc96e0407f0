// Package source reads what is to be taken in: directories, single files, tar
// streams, raw streams. Every source, whatever its own order, is shown to a
// Visitor as a depth-first walk with the names of each directory in byte
// order, which is the order that manifests are written in. Nothing holds all
// names of a tree or of a large directory in memory.
package source

import (
	"context"
	"io"

	"github.com/artifortress/afs-engine/engine/manifest"
)

// Source is something that can be walked once.
type Source interface {
	// Walk shows the tree to v. An error from v stops the walk and is
	// returned. What cannot be read goes to v.Problem, and the walk goes on.
	Walk(ctx context.Context, v Visitor) error

	// Measure estimates files and bytes for a progress bar, calling add as it
	// counts. Sources that cannot know return at once.
	Measure(ctx context.Context, add func(files, bytes int64))
}

// Visitor receives a walk: Enter(root) … Leave(), properly nested, siblings in
// byte order of their names. The root's name is "". Entries carry Name, Kind,
// Exec, Size, Target and Attr; Size is what stat said, and content decides.
type Visitor interface {
	Enter(dir manifest.Entry) error
	Leave() error
	Symlink(e manifest.Entry) error

	// File takes a file. The body is the visitor's from then on, whatever
	// File returns: it may be read later and by another goroutine, and must
	// be released. If reading fails, the visitor calls Problem itself. id is
	// zero if the source has no such thing.
	File(e manifest.Entry, id Identity, body Body) error

	// Content stores a stream's bytes now, for sources that cannot wait for
	// their turn in the order, and Stored takes the file when it has come.
	Content(path string, r io.Reader) (manifest.Content, int64, error)
	Stored(e manifest.Entry) error

	Problem(r Report)
	Skipped(r Report)
}

// Report says what happened to one path.
type Report struct {
	Path   string `json:"path"` // relative to the source's root
	Reason string `json:"reason"`
}
