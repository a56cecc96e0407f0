package manifest

import (
	"context"
	"fmt"
	"iter"

	"github.com/artifortress/afs-engine/packfile/wire"
)

// ChangeKind says how an entry changed.
type ChangeKind uint8

// The kinds of changes.
const (
	Added        ChangeKind = iota + 1 // New only
	Removed                            // Old only
	Modified                           // content; attributes perhaps too
	TypeChanged                        // a file became a directory, or the like
	AttrsChanged                       // attributes only
)

// String is the kind as a person reads it.
func (k ChangeKind) String() string {
	switch k {
	case Added:
		return "added"
	case Removed:
		return "removed"
	case Modified:
		return "modified"
	case TypeChanged:
		return "type changed"
	case AttrsChanged:
		return "attributes changed"
	}
	return "unknown"
}

// Change is one difference between two trees.
type Change struct {
	Path     string // as Resolve takes it; "" is the root
	Kind     ChangeKind
	Old, New *Entry // Old is nil if Added, New if Removed
}

// Diff yields what must change to turn ae, read from a, into be, read from b,
// in the order of Walk: a directory that comes or goes, then what is in it,
// entry by entry; a directory that was or becomes something else likewise. A
// directory whose entries changed is not itself a change. Content is compared
// by ids, so both sides must have been cut with the same parameters. Subtrees
// and pages with equal ids are not read. After an error it stops.
func Diff(ctx context.Context, a Source, ae Entry, b Source, be Entry) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		d := &differ{ctx: ctx, a: a, b: b, yield: yield}
		if err := d.entries("", &ae, &be, 0); err != nil && !d.stopped {
			yield(Change{}, fmt.Errorf("diff: %w", err))
		}
	}
}

type differ struct {
	ctx     context.Context
	a, b    Source
	yield   func(Change, error) bool
	stopped bool
	open    nest[*dirDiff] // of the directories on the way
}

// stopError unwinds a diff whose consumer has had enough.
type stopError struct{}

func (stopError) Error() string { return "stopped" }

func (d *differ) emit(path string, kind ChangeKind, older, newer *Entry) error {
	if !d.yield(Change{path, kind, older, newer}, nil) {
		d.stopped = true
		return stopError{}
	}
	return nil
}

// entries compares what stands at path on both sides; nil is nothing.
func (d *differ) entries(path string, older, newer *Entry, depth int) error {
	switch {
	case older == nil:
		return d.whole(path, nil, newer, Added, d.b)
	case newer == nil:
		return d.whole(path, older, nil, Removed, d.a)
	case older.Kind != newer.Kind:
		if err := d.emit(path, TypeChanged, older, newer); err != nil {
			return err
		}
		if err := d.below(path, older, Removed, d.a); err != nil {
			return err
		}
		return d.below(path, newer, Added, d.b)
	}
	if kind := compareEntries(older, newer); kind != 0 {
		if err := d.emit(path, kind, older, newer); err != nil {
			return err
		}
	}
	if older.Kind == Dir && (older.Tree != newer.Tree || older.Attr.Tree != newer.Attr.Tree) {
		return d.directories(path, older, newer, depth)
	}
	return nil
}

// whole yields an entry and all below it.
func (d *differ) whole(path string, older, newer *Entry, kind ChangeKind, src Source) error {
	if err := d.emit(path, kind, older, newer); err != nil {
		return err
	}
	if newer != nil {
		return d.below(path, newer, kind, src)
	}
	return d.below(path, older, kind, src)
}

// below yields all that is in e, if it is a directory.
func (d *differ) below(top string, e *Entry, kind ChangeKind, src Source) error {
	if e.Kind != Dir {
		return nil
	}
	return Walk(d.ctx, src, *e, func(path string, e Entry) error {
		switch {
		case path == "":
			return nil
		case kind == Added:
			return d.emit(childPath(top, path), kind, nil, &e)
		}
		return d.emit(childPath(top, path), kind, &e, nil)
	})
}

// directories compares what is in two directories.
func (d *differ) directories(path string, older, newer *Entry, depth int) error {
	if depth >= NestingMax {
		return fmt.Errorf("%w: %w: more than %d", wire.ErrMalformed, ErrNesting, NestingMax)
	}
	names := newDirDiff(newDirectory(d.a, *older), newDirectory(d.b, *newer))
	d.open.push(names)
	defer d.open.pop()
	var err error
	for err == nil {
		var o, n *Entry
		if o, n, err = names.next(d.ctx); err != nil {
			return fmt.Errorf("directory %q: %w", path, err)
		}
		switch {
		case o != nil:
			err = d.entries(childPath(path, o.Name), o, n, depth+1)
		case n != nil:
			err = d.entries(childPath(path, n.Name), nil, n, depth+1)
		default:
			return nil
		}
	}
	return err
}
