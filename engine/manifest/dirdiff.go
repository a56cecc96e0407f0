package manifest

import (
	"bytes"
	"context"
	"slices"
)

// compareEntries says how two entries of one kind and name differ themselves,
// not what is below them; 0: not at all.
func compareEntries(older, newer *Entry) ChangeKind {
	o, n := &older.Content, &newer.Content
	switch {
	case older.Exec != newer.Exec, older.Size != newer.Size, older.Target != newer.Target,
		o.List != n.List, !slices.Equal(o.Segments, n.Segments),
		!older.unknownContent().equal(newer.unknownContent()):
		return Modified
	case older.Attr.Mode != newer.Attr.Mode, !older.Attr.MTime.Equal(newer.Attr.MTime),
		older.Attr.Owner != newer.Attr.Owner, older.Attr.Links != newer.Attr.Links,
		!slices.Equal(older.Attr.Xattrs, newer.Attr.Xattrs),
		!older.unknownAttrs().equal(newer.unknownAttrs()):
		return AttrsChanged
	}
	return 0
}

// dirDiff finds the names in which two directories differ. Each side, content
// and attributes, is compared for itself, because their pages end at different
// names; a name that differs on one side only is then sought on the other,
// where it is the same in both directories.
type dirDiff struct {
	a, b           *Directory
	content, attrs pair
	contentOf      *cursor // a's, following the attributes; nil until needed
	attrsOf        *cursor // a's, following the content; nil until needed
	reading        bool    // the pairs are open, or have ended
	after          string  // the last name that next has returned
}

func newDirDiff(a, b *Directory) *dirDiff {
	d := &dirDiff{a: a, b: b}
	d.content.ended = a.e.Tree == b.e.Tree
	d.attrs.ended = a.e.Attr.Tree == b.e.Attr.Tree
	return d
}

// rest gives back the pages, until next is called again.
func (d *dirDiff) rest() {
	d.content, d.attrs = pair{ended: d.content.ended}, pair{ended: d.attrs.ended}
	d.contentOf, d.attrsOf, d.reading = nil, nil, false
}

// open opens both sides behind the last name.
func (d *dirDiff) open(ctx context.Context) error {
	d.reading = true
	if err := d.content.open(ctx, d.a.content, d.b.content, d.after); err != nil {
		return err
	}
	return d.attrs.open(ctx, d.a.attrs, d.b.attrs, d.after)
}

// next returns both sides of the next name that differs, of which one may be
// nil; both are at the end.
func (d *dirDiff) next(ctx context.Context) (older, newer *Entry, err error) {
	if !d.reading {
		if err := d.open(ctx); err != nil {
			return nil, nil, err
		}
	}
	if older, newer, err = d.read(ctx); err != nil {
		return nil, nil, err
	}
	if older != nil {
		d.after = older.Name
	} else if newer != nil {
		d.after = newer.Name
	}
	return older, newer, nil
}

func (d *dirDiff) read(ctx context.Context) (older, newer *Entry, err error) {
	inContent, err := d.content.peek(ctx)
	if err != nil {
		return nil, nil, err
	}
	inAttrs, err := d.attrs.peek(ctx)
	if err == nil && inAttrs && len(d.attrs.name()) == 0 { // a root's own
		d.attrs.pass()
		inAttrs, err = d.attrs.peek(ctx)
	}
	if err != nil || !inContent && !inAttrs {
		return nil, nil, err
	}
	if inContent && inAttrs {
		order := bytes.Compare(d.content.name(), d.attrs.name())
		inContent, inAttrs = order <= 0, order >= 0
	}
	var co, cn, ao, an *item
	if inContent {
		co, cn = d.content.old, d.content.new
		defer d.content.pass()
	} else if co, err = follow(ctx, &d.contentOf, d.a.content, d.attrs.name()); err == nil {
		cn = co
	}
	if inAttrs {
		ao, an = d.attrs.old, d.attrs.new
		defer d.attrs.pass()
	} else if ao, err = follow(ctx, &d.attrsOf, d.a.attrs, d.content.name()); err == nil {
		an = ao
	}
	if err != nil {
		return nil, nil, err
	}
	if older, err = side(d.a, co, ao); err == nil {
		newer, err = side(d.b, cn, an)
	}
	return older, newer, err
}

// follow moves a cursor, opened when first needed, on to name; nil if it is
// not there.
func follow(ctx context.Context, c **cursor, open func(context.Context) (*cursor, error), name []byte) (it *item, err error) {
	if *c == nil {
		if *c, err = open(ctx); err != nil {
			return nil, err
		}
	}
	it, err = (*c).seek(ctx, name)
	if err != nil || it == nil || !bytes.Equal(it.name, name) {
		return nil, err
	}
	return it, nil
}

// side makes the entry of one directory; nil if it has none.
func side(d *Directory, content, attrs *item) (*Entry, error) {
	if content == nil && attrs == nil {
		return nil, nil
	}
	e, err := d.join(content, attrs)
	return &e, err
}
