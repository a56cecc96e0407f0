package manifest

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/artifortress/afs-engine/chunker"
)

// Builder writes a manifest from a depth-first walk: Enter the root, then Add
// and Enter the names of each directory in ascending byte order, Leave it when
// they are all there. It holds a few pages for each directory that is open, up
// to BuilderOptions.OpenMemory; beyond that, those of the outermost are in a file
// without a name until they are needed again. Equal trees get equal roots, however they were brought together (but see
// Add).
//
// An error about an entry (ErrName, ErrOrder, ErrEntry, ErrNesting) leaves the
// Builder as it was before the call. Any other error is final, and returned by
// every later call. Not safe for concurrent use.
type Builder struct {
	sink  Sink
	open  []*openDir // from the root down
	spare []*openDir // closed ones, for their buffers; at most spareMax
	desk  desk
	piece [2]piece // content and attributes of the entry being added
	root  Entry
	done  bool
	err   error

	openMax int // bytes that directories above the innermost may take
	held    int // that they do take
	aside   int // how many, of the outermost, are on the shelf
	shelf   shelf
	record  []byte // on its way there or back
}

// BuilderOptions say what a Builder may take beside its sink. The zero value
// works.
type BuilderOptions struct {
	OpenMemory int    // bytes of memory for open directories; 0 is 8 MiB
	ScratchDir string // where what is beyond that goes; "" is os.TempDir()
}

// openDir is a directory being written.
type openDir struct {
	entry   Entry
	last    string // the last name
	content treeWriter
	attrs   treeWriter

	weight  int     // while another is open inside it: its part of Builder.held
	shelved shelved // while it is set aside
}

// spareMax is as many directories as most trees have inside each other.
const spareMax = 8

var (
	errNotOpen  = errors.New("no directory is open")
	errFinished = errors.New("the root has been left")
)

// NewBuilder returns a Builder that stores nodes in sink.
func NewBuilder(sink Sink) *Builder { return NewBuilderWith(sink, BuilderOptions{}) }

// NewBuilderWith is NewBuilder with options.
func NewBuilderWith(sink Sink, o BuilderOptions) *Builder {
	if o.OpenMemory == 0 {
		o.OpenMemory = openMemory
	}
	return &Builder{sink: sink, openMax: o.OpenMemory, shelf: shelf{dir: o.ScratchDir}}
}

// Close releases what a Builder whose root has not been left may have on disk.
// Of other calls only Root may follow.
func (b *Builder) Close() error { return b.shelf.close() }

// Enter begins a directory in the one that is open. The first call begins the
// root, whose name is empty. Of e only Name, Attr without Attr.Tree, and
// fields kept from a later version are used.
func (b *Builder) Enter(ctx context.Context, e Entry) error {
	if err := b.ready(); err != nil {
		return err
	}
	e = Entry{Name: e.Name, Kind: Dir, Attr: e.Attr, unknown: e.unknown}
	e.Attr.Tree, e.Attr.node = chunker.ID{}, nil
	if err := checkEntry(&e, false); err != nil {
		return err
	}
	if len(b.open) > 0 {
		return b.enterChild(ctx, e)
	}
	if e.Name != "" {
		return fmt.Errorf("%w: the root is called %q", ErrName, e.Name)
	}
	attrs := &b.piece[1]
	if err := attrs.attrs(&e, nameHash("")); err != nil {
		return err
	}
	b.push(e)
	return b.fail(b.open[0].attrs.add(ctx, 0, attrs))
}

func (b *Builder) enterChild(ctx context.Context, e Entry) error {
	if len(b.open) >= NestingMax {
		return fmt.Errorf("%w: more than %d", ErrNesting, NestingMax)
	}
	if err := b.follows(e.Name); err != nil {
		return err
	}
	// Whether it can be encoded must be known now: at Leave it is too late.
	full := e
	full.Tree, full.Attr.Tree = chunker.ID{1}, chunker.ID{1}
	full.Summary = Summary{math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64}
	if err := b.encode(ctx, &full); err != nil {
		return err
	}
	b.open[len(b.open)-1].last = e.Name
	if err := b.setAside(); err != nil {
		return b.fail(err)
	}
	b.push(e)
	return nil
}

// Add adds a file, a symlink, or a directory that has been stored before: one
// whose Tree, Attr.Tree and Summary are known. The subtrees of a root cannot
// be added, because a root's attributes have an entry for itself. Attributes
// that are stored, as those of older versions are, stay so however small.
func (b *Builder) Add(ctx context.Context, e Entry) error {
	if err := b.ready(); err != nil {
		return err
	}
	if len(b.open) == 0 {
		return errNotOpen
	}
	if err := b.follows(e.Name); err != nil {
		return err
	}
	if err := checkEntry(&e, true); err != nil {
		return err
	}
	if err := b.encode(ctx, &e); err != nil {
		return err
	}
	return b.append(ctx, e.Name)
}

// Leave ends the directory that is open.
func (b *Builder) Leave(ctx context.Context) error {
	if err := b.ready(); err != nil {
		return err
	}
	if len(b.open) == 0 {
		return errNotOpen
	}
	d := b.open[len(b.open)-1]
	e := d.entry
	var err error
	if e.Tree, e.Summary, err = d.content.finish(ctx); err != nil {
		return b.fail(err)
	}
	root := len(b.open) == 1
	if root {
		e.Attr.Tree, _, err = d.attrs.finish(ctx)
	} else {
		err = d.finishAttrs(ctx, &e)
	}
	if err != nil {
		return b.fail(err)
	}
	b.pop()
	if root {
		e.root = true
		if e.unknown != nil { // of a root, only the attributes have an entry
			e.unknown = &unknown{attrs: e.unknown.attrs}
		}
		b.root, b.done = e, true
		return b.fail(b.Close())
	}
	if err := b.comeBack(); err != nil {
		return b.fail(err)
	}
	if err := b.encode(ctx, &e); err != nil {
		return b.fail(err)
	}
	return b.append(ctx, e.Name)
}

// Root returns what was built, once the root has been left: its ids, and its
// entry as RootEntry would read it.
func (b *Builder) Root() (Root, Entry, error) {
	if b.err != nil {
		return Root{}, Entry{}, b.err
	}
	if !b.done {
		return Root{}, Entry{}, errors.New("the root has not been left")
	}
	return Root{Content: b.root.Tree, Attrs: b.root.Attr.Tree}, b.root, nil
}

func (b *Builder) ready() error {
	if b.err == nil && b.done {
		return errFinished
	}
	return b.err
}

// fail makes an error final.
func (b *Builder) fail(err error) error {
	b.err = err
	return err
}

// follows checks the name of the next entry of the open directory.
func (b *Builder) follows(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if d := b.open[len(b.open)-1]; name <= d.last {
		return fmt.Errorf("%w: %q after %q", ErrOrder, name, d.last)
	}
	return nil
}

// encode fills b.piece.
func (b *Builder) encode(ctx context.Context, e *Entry) error {
	hash := nameHash(e.Name)
	if err := b.piece[0].content(e, hash); err != nil {
		return err
	}
	return b.encodeAttrs(ctx, e, hash)
}

// append moves b.piece into the open directory.
func (b *Builder) append(ctx context.Context, name string) error {
	d := b.open[len(b.open)-1]
	d.last = name
	if err := d.content.add(ctx, 0, &b.piece[0]); err != nil {
		return b.fail(err)
	}
	return b.fail(d.attrs.add(ctx, 0, &b.piece[1]))
}

// pop forgets the innermost directory, but for the buffers of a few.
func (b *Builder) pop() {
	n := len(b.open) - 1
	d := b.open[n]
	b.open[n], b.open = nil, b.open[:n]
	if d.entry = (Entry{}); len(b.spare) < spareMax {
		b.spare = append(b.spare, d)
	}
}

func (b *Builder) push(e Entry) {
	var d *openDir
	if n := len(b.spare); n > 0 {
		d, b.spare = b.spare[n-1], b.spare[:n-1]
	} else {
		d = &openDir{
			content: treeWriter{sink: b.sink, kind: chunker.DirNode, desk: &b.desk},
			attrs:   treeWriter{sink: b.sink, kind: chunker.AttrsNode, desk: &b.desk},
		}
	}
	d.entry, d.last = e, ""
	b.open = append(b.open, d)
}
