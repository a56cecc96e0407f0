package manifest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/artifortress/afs-engine/packfile/wire"
)

// Resolve finds path below root: names separated by single slashes, "" for
// root itself. Symlinks are not followed. An error wraps fs.ErrNotExist, or
// ErrNotDir if the path goes through something that is not a directory.
func Resolve(ctx context.Context, src Source, root Entry, path string) (Entry, error) {
	e := root
	if path == "" {
		return e, nil
	}
	for name := range strings.SplitSeq(path, "/") {
		d, err := OpenDir(src, e)
		if err != nil {
			return Entry{}, fmt.Errorf("resolve %q: %w", path, err)
		}
		if e, err = d.Lookup(ctx, name); err != nil {
			return Entry{}, fmt.Errorf("resolve %q: %w", path, err)
		}
	}
	return e, nil
}

// Walk calls fn for root, with the path "", and for everything below it:
// depth first, each directory before its entries, names in byte order, paths
// as Resolve takes them. If fn returns fs.SkipDir for a directory, what is in
// it is passed over; for anything else, the rest of its directory. fs.SkipAll
// ends the walk. Any other error ends it and is returned as it is.
func Walk(ctx context.Context, src Source, root Entry, fn func(path string, e Entry) error) error {
	w := walker{src: src, fn: fn}
	err := w.visit(ctx, "", root, 0)
	if errors.Is(err, fs.SkipAll) || errors.Is(err, fs.SkipDir) {
		return nil
	}
	return err
}

type walker struct {
	src  Source
	fn   func(path string, e Entry) error
	open nest[*listing] // of the directories on the way
}

func (w *walker) visit(ctx context.Context, path string, e Entry, depth int) error {
	if err := w.fn(path, e); err != nil {
		if e.Kind == Dir && errors.Is(err, fs.SkipDir) {
			return nil
		}
		return err
	}
	if e.Kind != Dir {
		return nil
	}
	if depth >= NestingMax {
		return fmt.Errorf("walk: %w: %w: more than %d", wire.ErrMalformed, ErrNesting, NestingMax)
	}
	d, err := OpenDir(w.src, e)
	if err != nil {
		return err
	}
	l := &listing{dir: d}
	w.open.push(l)
	defer w.open.pop()
	for {
		child, ok, err := l.next(ctx)
		if err != nil {
			return fmt.Errorf("walk %q: %w", path, err)
		}
		if !ok {
			return nil
		}
		err = w.visit(ctx, childPath(path, child.Name), child, depth+1)
		if errors.Is(err, fs.SkipDir) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// childPath is the path of a name in the directory at path.
func childPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "/" + name
}
