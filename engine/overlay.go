package engine

import (
	"context"
	"iter"
	"strings"

	"github.com/artifortress/afs-engine/engine/manifest"
)

// overlay writes a tree that consists of an older one and a walk over it:
// names that the walk does not mention stay as they are, subtrees by reference,
// without being read. Without an older tree it only passes the walk on. It
// holds one entry per open directory.
type overlay struct {
	ctx  context.Context
	b    *manifest.Builder
	src  manifest.Source
	open []level
	root *manifest.Entry // of the older tree; nil if there is none
}

// level is an open directory: where the older tree is in it.
type level struct {
	name string
	next func() (manifest.Entry, error, bool) // nil: the older tree has no such directory
	stop func()
	head *manifest.Entry // met, but not yet passed
}

// over sets the older tree.
func (o *overlay) over(r manifest.Root) error {
	e, err := manifest.RootEntry(o.ctx, o.src, r)
	o.root = &e
	return err
}

// enter opens a directory.
func (o *overlay) enter(e manifest.Entry) error { return o.descend(e, false) }

// enterKeeping is enter, but a directory that the older tree has keeps its
// attributes.
func (o *overlay) enterKeeping(e manifest.Entry) error { return o.descend(e, true) }

func (o *overlay) descend(e manifest.Entry, keep bool) error {
	old := o.root
	if len(o.open) > 0 {
		var err error
		if old, err = o.replace(e.Name); err != nil {
			return err
		}
	}
	l := level{name: e.Name}
	if old != nil && old.Kind == manifest.Dir {
		dir, err := manifest.OpenDir(o.src, *old)
		if err != nil {
			return err
		}
		l.next, l.stop = iter.Pull2(dir.List(o.ctx, ""))
		if keep {
			e.Attr = old.Attr
		}
	}
	o.open = append(o.open, l)
	return o.b.Enter(o.ctx, e)
}

// add takes a file or link, in place of what the older tree has under its name.
func (o *overlay) add(e manifest.Entry) error {
	if _, err := o.replace(e.Name); err != nil {
		return err
	}
	return o.b.Add(o.ctx, e)
}

// leave closes the directory with what is left of the older tree's.
func (o *overlay) leave() error {
	if err := o.keepUntil(""); err != nil {
		return err
	}
	l := o.open[len(o.open)-1]
	if l.stop != nil {
		l.stop()
	}
	o.open = o.open[:len(o.open)-1]
	return o.b.Leave(o.ctx)
}

// replace passes the older tree's entries before name on, and takes the one
// with that name out.
func (o *overlay) replace(name string) (*manifest.Entry, error) {
	if err := o.keepUntil(name); err != nil {
		return nil, err
	}
	l := &o.open[len(o.open)-1]
	if l.head == nil || l.head.Name != name {
		return nil, nil
	}
	old := l.head
	l.head = nil
	return old, nil
}

// keepUntil passes on the older tree's entries below name, all for "".
func (o *overlay) keepUntil(name string) error {
	l := &o.open[len(o.open)-1]
	for l.next != nil {
		if l.head == nil {
			e, err, ok := l.next()
			if !ok {
				return nil
			}
			if err != nil {
				return err
			}
			l.head = &e
		}
		if name != "" && l.head.Name >= name {
			return nil
		}
		if err := o.b.Add(o.ctx, *l.head); err != nil {
			return err
		}
		l.head = nil
	}
	return nil
}

// path is name's path in the tree being written.
func (o *overlay) path(name string) string {
	var b strings.Builder
	for _, l := range o.open {
		if l.name != "" {
			b.WriteString(l.name)
			b.WriteByte('/')
		}
	}
	return b.String() + name
}

// close releases what an unfinished walk left open.
func (o *overlay) close() {
	for _, l := range o.open {
		if l.stop != nil {
			l.stop()
		}
	}
	o.b.Close() // a file that has no name any more: nothing can be lost
}
