package manifest

import (
	"context"
	"fmt"
	"io/fs"
)

// Finder looks names up in one directory. Names that ascend, as those of a walk
// do, are found without reading a page again. One goroutine uses it.
type Finder struct {
	dir            *Directory
	content, attrs *cursor // at last or after it; nil: not opened
	last           string
}

// Finder returns a Finder of the directory. It holds two pages of each level.
func (d *Directory) Finder() *Finder { return &Finder{dir: d} }

// Lookup returns the entry called name, or an error that wraps fs.ErrNotExist.
func (f *Finder) Lookup(ctx context.Context, name string) (Entry, error) {
	if name <= f.last {
		f.content, f.attrs = nil, nil
	}
	f.last = name
	e, ok, err := f.find(ctx, name)
	if err != nil {
		f.content, f.attrs = nil, nil
	} else if !ok {
		err = fs.ErrNotExist
	}
	if err != nil {
		return Entry{}, fmt.Errorf("look up %q: %w", name, err)
	}
	return e, nil
}

func (f *Finder) find(ctx context.Context, name string) (e Entry, ok bool, err error) {
	if !validName(name) {
		return e, false, nil
	}
	if f.content == nil {
		if f.content, err = f.dir.content(ctx); err != nil {
			return e, false, err
		}
	}
	it, err := f.content.seek(ctx, []byte(name))
	if err != nil || it == nil || string(it.name) != name {
		return e, false, err
	}
	if f.attrs == nil {
		if f.attrs, err = f.dir.attrs(ctx); err != nil {
			return e, false, err
		}
	}
	at, err := f.attrs.seek(ctx, []byte(name))
	if err != nil {
		return e, false, err
	}
	e, err = f.dir.join(it, at)
	return e, err == nil, err
}
