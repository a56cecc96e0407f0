package manifest

import (
	"context"
	"fmt"
	"iter"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// RootEntry reads the entry of a version's root directory. Its name is empty.
func RootEntry(ctx context.Context, src Source, r Root) (Entry, error) {
	e := Entry{Kind: Dir, Tree: r.Content, root: true}
	attrs, err := openCursor(ctx, src, chunker.AttrsNode, r.Attrs, nil)
	if err != nil {
		return Entry{}, fmt.Errorf("read root attributes: %w", err)
	}
	attrs.path[0].nameless = true
	it, err := attrs.next(ctx)
	if err != nil {
		return Entry{}, fmt.Errorf("read root attributes: %w", err)
	}
	if it == nil || len(it.name) > 0 || it.attrs.dir() || !it.attrs.links.IsZero() {
		return Entry{}, fmt.Errorf("%w: attributes %s have no entry for a root", wire.ErrMalformed, r.Attrs)
	}
	it.attrs.fill(&e)
	e.Attr.Tree = r.Attrs
	if e.Summary, err = summarize(ctx, src, r.Content); err != nil {
		return Entry{}, fmt.Errorf("read root directory: %w", err)
	}
	return e, nil
}

// summarize adds up the topmost page of a directory.
func summarize(ctx context.Context, src Source, id chunker.ID) (Summary, error) {
	c, err := openCursor(ctx, src, chunker.DirNode, id, nil)
	if err != nil {
		return Summary{}, err
	}
	top := c.path[0]
	for {
		it, err := c.peek()
		if err != nil || it == nil {
			return top.sum, err
		}
		c.skip()
	}
}

// Directory reads one directory. Safe for concurrent use.
type Directory struct {
	src Source
	e   Entry
}

// OpenDir opens the directory e, an entry that this package has returned. It
// reads nothing yet. It fails with ErrNotDir if e is something else.
func OpenDir(src Source, e Entry) (*Directory, error) {
	if e.Kind != Dir {
		return nil, fmt.Errorf("open directory %q: %w", e.Name, ErrNotDir)
	}
	return newDirectory(src, e), nil
}

// newDirectory keeps what reading needs: an entry may have large attributes.
func newDirectory(src Source, e Entry) *Directory {
	e.Attr.Xattrs = nil
	return &Directory{src, e}
}

// Lookup returns the entry called name, or an error that wraps fs.ErrNotExist.
func (d *Directory) Lookup(ctx context.Context, name string) (Entry, error) {
	return d.Finder().Lookup(ctx, name)
}

// List yields the entries with names after after ("": all) in byte order of
// their names, reading pages as it goes. After an error it stops.
func (d *Directory) List(ctx context.Context, after string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		l := listing{dir: d, after: after}
		for {
			e, ok, err := l.next(ctx)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if !ok || !yield(e, nil) {
				return
			}
		}
	}
}

func (d *Directory) content(ctx context.Context) (*cursor, error) {
	return openCursor(ctx, d.src, chunker.DirNode, d.e.Tree, &d.e.Summary)
}

func (d *Directory) attrs(ctx context.Context) (*cursor, error) {
	a := &d.e.Attr
	if a.node != nil {
		p, err := newPage(a.node, chunker.AttrsNode, a.Tree, 0)
		if err != nil {
			return nil, err
		}
		return newCursor(d.src, p, nil), nil
	}
	c, err := openCursor(ctx, d.src, chunker.AttrsNode, a.Tree, nil)
	if err == nil {
		c.path[0].nameless = d.e.root
	}
	return c, err
}

// join makes an entry of its two sides, either of which may be missing.
func (d *Directory) join(content, attrs *item) (e Entry, err error) {
	if content == nil || attrs == nil || string(content.name) != string(attrs.name) {
		have, miss := content, "attributes"
		if content == nil || attrs != nil && string(attrs.name) < string(content.name) {
			have, miss = attrs, "content"
		}
		return e, fmt.Errorf("%w: directory %s, attributes %s: %q has no %s", wire.ErrMalformed, d.e.Tree, d.e.Attr.Tree, have.name, miss)
	}
	e.Name = string(content.name)
	content.content.fill(&e)
	attrs.attrs.fill(&e)
	if (e.Kind == Dir) == e.Attr.Tree.IsZero() || e.Kind != File && !e.Attr.Links.IsZero() {
		return Entry{}, fmt.Errorf("%w: attributes %s: %q is a %s with the attributes of another kind", wire.ErrMalformed, d.e.Attr.Tree, e.Name, e.Kind)
	}
	return e, nil
}

// listing walks both trees of a directory side by side.
type listing struct {
	dir            *Directory
	content, attrs *cursor // nil before the first entry and after rest
	after          string  // the last name that next has returned
}

// next returns the next entry; false at the end.
func (l *listing) next(ctx context.Context) (e Entry, ok bool, err error) {
	if l.content == nil {
		err = l.open(ctx)
	}
	if err == nil {
		e, ok, err = l.read(ctx)
	}
	if err != nil {
		return e, false, fmt.Errorf("list directory %q: %w", l.dir.e.Name, err)
	}
	if ok {
		l.after = e.Name
	}
	return e, ok, nil
}

// rest gives back the pages, until next is called again.
func (l *listing) rest() { l.content, l.attrs = nil, nil }

func (l *listing) open(ctx context.Context) (err error) {
	if l.content, err = l.dir.content(ctx); err != nil {
		return err
	}
	if l.attrs, err = l.dir.attrs(ctx); err != nil {
		return err
	}
	from := []byte(nextName(l.after)) // also passes a root's own attributes
	if _, err = l.content.seek(ctx, from); err == nil {
		_, err = l.attrs.seek(ctx, from)
	}
	return err
}

func (l *listing) read(ctx context.Context) (e Entry, ok bool, err error) {
	content, err := l.content.next(ctx)
	if err != nil {
		return e, false, err
	}
	attrs, err := l.attrs.next(ctx)
	if err != nil || content == nil && attrs == nil {
		return e, false, err
	}
	if e, err = l.dir.join(content, attrs); err != nil {
		return e, false, err
	}
	l.content.skip()
	l.attrs.skip()
	return e, true, nil
}
