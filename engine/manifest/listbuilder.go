package manifest

import (
	"context"
	"fmt"
	"math"

	"github.com/artifortress/afs-engine/chunker"
)

// ListBuilder turns the segments of one file, in order, into its Content: a
// short list as it is, a longer one as a tree. It merges runs of zeros that
// follow each other, and holds a few pages. Not safe for concurrent use.
type ListBuilder struct {
	tree  treeWriter
	piece piece
	last  Segment // not yet counted: a run of zeros may grow
	few   []Segment
	count int64
	size  int64
}

// NewListBuilder returns a ListBuilder that stores nodes in sink.
func NewListBuilder(sink Sink) *ListBuilder {
	return &ListBuilder{tree: treeWriter{sink: sink, kind: chunker.ListNode, desk: new(desk)}}
}

// Reset forgets the file that was begun.
func (b *ListBuilder) Reset() {
	b.tree.reset()
	b.last, b.few, b.count, b.size = Segment{}, b.few[:0], 0, 0
}

// Add appends a segment. It returns ErrEntry, wrapped, if no segment can be
// that long, and changes nothing then; after any other error only Reset is
// allowed.
func (b *ListBuilder) Add(ctx context.Context, s Segment) error {
	if why := s.check(); why != "" {
		return fmt.Errorf("%w: %s", ErrEntry, why)
	}
	if s.Length > math.MaxInt64-b.size {
		return fmt.Errorf("%w: a file longer than an int64 counts", ErrEntry)
	}
	b.size += s.Length
	if s.Zero() && b.last.Zero() {
		b.last.Length += s.Length
		return nil
	}
	err := b.push(ctx)
	b.last = s
	return err
}

// Finish ends the file and returns its content and its size in bytes. The
// ListBuilder is then as after Reset.
func (b *ListBuilder) Finish(ctx context.Context) (Content, int64, error) {
	defer b.Reset()
	if err := b.push(ctx); err != nil {
		return Content{}, 0, err
	}
	if b.count <= InlineSegments {
		return Content{Segments: append([]Segment(nil), b.few...)}, b.size, nil
	}
	id, _, err := b.tree.finish(ctx)
	if err != nil {
		return Content{}, 0, err
	}
	return Content{List: id, Count: b.count}, b.size, nil
}

// push counts b.last, if there is one.
func (b *ListBuilder) push(ctx context.Context) error {
	if b.last.Length == 0 {
		return nil
	}
	b.count++
	if b.count <= InlineSegments {
		b.few = append(b.few, b.last)
		return nil
	}
	for _, s := range b.few {
		if err := b.add(ctx, s); err != nil {
			return err
		}
	}
	b.few = b.few[:0]
	return b.add(ctx, b.last)
}

func (b *ListBuilder) add(ctx context.Context, s Segment) error {
	b.piece.segment(s)
	return b.tree.add(ctx, 0, &b.piece)
}
