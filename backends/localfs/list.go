package localfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"

	"github.com/artifortress/afs-engine/backends"
)

// dirBatch is how many names are read from a directory at a time.
const dirBatch = 256

// List walks the directories that can hold keys with the prefix. It keeps the
// names of the directories it is in, one per level, and no others. What is no
// key (hidden files, say) is passed over; a symbolic link, a socket or the
// like under the name of a key is an error, because an object or a directory
// of objects may be meant.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[backends.Info, error] {
	return func(yield func(backends.Info, error) bool) {
		w := walk{s, ctx, prefix, yield}
		// No key beyond the prefix's last '/' lies outside of that directory.
		dir := prefix[:strings.LastIndexByte(prefix, '/')+1]
		if dir != "" && checkKey(strings.TrimSuffix(dir, "/")) != nil {
			return // no key can begin so
		}
		if err := s.mounted(); err != nil {
			w.fail(err)
			return
		}
		w.dir(dir)
	}
}

type walk struct {
	store  *Store
	ctx    context.Context
	prefix string
	yield  func(backends.Info, error) bool
}

// dir lists one directory, "" or a path with '/' at its end, and what is below
// it. It returns whether to go on.
func (w *walk) dir(dir string) bool {
	names, err := w.names(dir)
	if err != nil {
		return w.failed(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "/") {
			if !w.dir(dir + name) {
				return false
			}
			continue
		}
		info, err := w.store.Stat(w.ctx, dir+name)
		if err == nil && !w.yield(info, nil) || err != nil && !w.failed(err) {
			return false
		}
	}
	return true
}

// names returns the names in a directory that can be of keys with the prefix,
// those of directories with '/' at their end: that is how they sort among the
// keys ("a-b" < "a/b" < "a0").
func (w *walk) names(dir string) ([]string, error) {
	if err := w.ctx.Err(); err != nil {
		return nil, err
	}
	f, err := os.Open(w.store.path(dir))
	if err != nil {
		return nil, w.store.absent(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && !info.IsDir() {
		return nil, backends.ErrNotExist
	}
	var names []string
	for {
		entries, err := f.ReadDir(dirBatch)
		for _, e := range entries {
			name, err := w.name(dir, e)
			if err != nil {
				return nil, err
			}
			if name != "" {
				names = append(names, name)
			}
		}
		if err == io.EOF {
			slices.Sort(names)
			return names, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// name is the entry's name as names returns it, or "" if it is no key.
func (w *walk) name(dir string, e os.DirEntry) (string, error) {
	name := e.Name()
	if e.IsDir() {
		name += "/"
	}
	key := dir + name
	if !strings.HasPrefix(key, w.prefix) || checkKey(dir+e.Name()) != nil {
		return "", nil
	}
	if !e.IsDir() {
		if err := checkMode(e.Type()); err != nil {
			return "", fmt.Errorf("%s: %w", w.store.path(key), err)
		}
	}
	return name, nil
}

// failed is fail for errors that may mean that something has just gone.
func (w *walk) failed(err error) bool {
	if errors.Is(err, backends.ErrNotExist) {
		return true
	}
	return w.fail(err)
}

func (w *walk) fail(err error) bool {
	w.yield(backends.Info{}, fmt.Errorf("list %q: %w", w.prefix, err))
	return false
}
