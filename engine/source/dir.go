package source

import (
	"context"
	"fmt"

	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// Dir is the contents of the directory at path, whose own mode and time are
// the root's. If path is a symbolic link, it is what the link leads to; links
// inside are taken as links and never followed. Mount points are crossed. It
// may be walked several times, also at once.
//
// Several names of one file become entries with the same manifest.Links, whose
// group is that of the first of them in the walk, so that equal trees get equal
// groups.
//
// A file that changes while it is read is ErrChanged from its reader; a
// directory in which names come or go while it is walked is a Problem.
func Dir(path string, o Options) Source { return &dirSource{path, o, defaultLimits} }

type dirSource struct {
	path   string
	o      Options
	limits limits
}

func (s *dirSource) Walk(ctx context.Context, v Visitor) error {
	dir, err := dirfd.Open(s.path)
	if err != nil {
		return fmt.Errorf("read source: %w", err)
	}
	info, err := dir.Stat()
	if err != nil {
		dir.Close()
		return fmt.Errorf("read source %s: %w", s.path, err)
	}
	w := newWalker(ctx, v, s.o, s.limits)
	defer w.close()
	root := &folder{dir: newHandle(dir), at: resolved(s.path), info: info, entry: w.entry("", manifest.Dir, info)}
	if s.o.KeepXattrs {
		root.entry.Attr.Xattrs = w.xattrs(root, "", dir)
	}
	root.scope, err = s.o.Filter.Root(w.ignoreFile(root))
	if err != nil {
		w.problem(root, "", err.Error())
	}
	return w.walk(root, true)
}

func (s *dirSource) Measure(ctx context.Context, add func(files, bytes int64)) {
	count := *s
	count.o.KeepXattrs = false // they need every file opened
	// What cannot be counted now is met again, and reported, by the walk.
	_ = count.Walk(ctx, counter{add: add})
}

// counter is a Visitor that only counts.
type counter struct {
	nobody
	add func(files, bytes int64)
}

func (c counter) Symlink(manifest.Entry) error { c.add(1, 0); return nil }

func (c counter) File(e manifest.Entry, _ Identity, b Body) error {
	b.Release()
	c.add(1, e.Size)
	return nil
}
