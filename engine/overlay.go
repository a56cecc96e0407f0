package engine

import (
	"context"
	"iter"
	"strings"

	"github.com/artifortress/afs-engine/engine/manifest"
)

// overlay writes a tree that consists of an older one and a walk over it:
// names that the walk does not mention stay as they are, subtrees by reference,
// without being read. Without an older tree it only passes the walk on. Of each
// open directory it holds the name and, in the older tree, where it is; only in
// the innermost readingMax has it pages.
type overlay struct {
	ctx  context.Context
	b    *manifest.Builder
	src  manifest.Source
	open []level
	root *manifest.Entry // of the older tree; nil if there is none
}

// readingMax is how many directories of the older tree are being read at once.
const readingMax = 32

// level is an open directory.
type level struct {
	name  string
	old   *manifest.Directory // nil: the older tree has no such directory
	after string              // the last of its names that has been passed
	next  func() (manifest.Entry, error, bool)
	stop  func()          // nil, as next: it is not being read
	head  *manifest.Entry // met, but not yet passed
}

// read finds the next entry that has not been passed; nil at the end.
func (l *level) read(ctx context.Context) (*manifest.Entry, error) {
	if l.head != nil || l.old == nil {
		return l.head, nil
	}
	if l.next == nil {
		l.next, l.stop = iter.Pull2(l.old.List(ctx, l.after))
	}
	e, err, ok := l.next()
	if ok && err == nil {
		l.head = &e
	}
	return l.head, err
}

// pass goes on behind the entry that read returned.
func (l *level) pass() { l.after, l.head = l.head.Name, nil }

// rest gives back what reading takes, until read is called again.
func (l *level) rest() {
	if l.stop != nil {
		l.stop()
	}
	l.next, l.stop, l.head = nil, nil, nil
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
		var err error
		if l.old, err = manifest.OpenDir(o.src, *old); err != nil {
			return err
		}
		if keep {
			e.Attr = old.Attr
		}
	}
	o.open = append(o.open, l)
	if far := len(o.open) - 1 - readingMax; far >= 0 {
		o.open[far].rest()
	}
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
	l := &o.open[len(o.open)-1]
	l.rest()
	*l = level{}
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
	old := l.head
	if old == nil || old.Name != name {
		return nil, nil
	}
	l.pass()
	return old, nil
}

// keepUntil passes on the older tree's entries below name, all for "".
func (o *overlay) keepUntil(name string) error {
	l := &o.open[len(o.open)-1]
	for {
		e, err := l.read(o.ctx)
		if err != nil || e == nil || name != "" && e.Name >= name {
			return err
		}
		if err := o.b.Add(o.ctx, *e); err != nil {
			return err
		}
		l.pass()
	}
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
	for i := range o.open {
		o.open[i].rest()
	}
	o.b.Close() // a file that has no name any more: nothing can be lost
}
