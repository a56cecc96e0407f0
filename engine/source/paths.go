package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// ErrSameName says that two sources of one Paths have the same base name.
var ErrSameName = errors.New("two sources have the same name")

// Paths are files and directories, each under its base name. A path that is a
// symbolic link stands, under the link's name, for what it leads to. The
// root's mode is 0755, its time that of the newest of them. Patterns of the
// filter see the base name as the first segment. It may be walked several times.
func Paths(paths []string, o Options) (Source, error) {
	s := &pathsSource{o: o, limits: defaultLimits}
	for _, path := range paths {
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, fmt.Errorf("read source: %w", err)
		}
		name := filepath.Base(abs)
		if name == string(filepath.Separator) {
			return nil, fmt.Errorf("read source %s: it has no name to stand under", path)
		}
		real, err := filepath.EvalSymlinks(abs)
		if err != nil {
			return nil, fmt.Errorf("read source: %w", err)
		}
		s.items = append(s.items, pathItem{name: name, dir: filepath.Dir(real), base: filepath.Base(real)})
	}
	slices.SortFunc(s.items, func(a, b pathItem) int { return cmp.Compare(a.name, b.name) })
	for i := 1; i < len(s.items); i++ {
		if s.items[i].name == s.items[i-1].name {
			return nil, fmt.Errorf("%w: %s", ErrSameName, s.items[i].name)
		}
	}
	return s, nil
}

type pathsSource struct {
	o      Options
	limits limits
	items  []pathItem // sorted by name
}

// pathItem is one source; links in its path have been resolved.
type pathItem struct {
	name      string // what it is to be called
	dir, base string // where it is
}

func (s *pathsSource) Walk(ctx context.Context, v Visitor) error {
	w := newWalker(ctx, v, s.o, s.limits)
	defer w.close()
	root := &folder{entry: s.o.entry("", manifest.Dir, dirMode, s.newest())}
	root.scope, _ = s.o.Filter.Root(nil) // without ignore files there is nothing to fail
	w.push(root)
	if err := w.enter(root); err != nil {
		return err
	}
	for _, item := range s.items {
		if err := s.visit(w, root, item); err != nil {
			return err
		}
	}
	return v.Leave()
}

// visit makes the directory that holds the item the root for a moment.
func (s *pathsSource) visit(w *walker, root *folder, item pathItem) error {
	defer root.close()
	root.at = item.dir
	dir, err := dirfd.Open(item.dir)
	if err == nil {
		root.dir = newHandle(dir)
		root.info, err = dir.Stat()
	}
	if err != nil {
		w.problem(root, item.name, Reason(err))
		return nil
	}
	return w.visit(root, item.base, item.name)
}

func (s *pathsSource) newest() (t time.Time) {
	for _, item := range s.items {
		if info, err := dirfd.Stat(filepath.Join(item.dir, item.base)); err == nil && info.MTime.After(t) {
			t = info.MTime
		}
	}
	if t.IsZero() {
		return s.o.epoch()
	}
	return t
}

func (s *pathsSource) Measure(ctx context.Context, add func(files, bytes int64)) {
	count := *s
	count.o.KeepXattrs = false // they need every file opened
	// What cannot be counted now is met again, and reported, by the walk.
	_ = count.Walk(ctx, counter{add: add})
}
