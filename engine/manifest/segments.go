package manifest

import (
	"context"
	"fmt"
	"iter"
)

// Extent is a segment and where in the file it stands.
type Extent struct {
	Offset int64 // bytes
	Segment
}

// Segments yields the segments of a file's content in order, beginning with
// the one that holds the byte at from (0 or more); none if the file ends
// before. Pages of a chunk list are read as they are come to. After an error
// it stops.
func Segments(ctx context.Context, src Source, c Content, from int64) iter.Seq2[Extent, error] {
	return extents(ctx, lists{src: src}, c, -1, from)
}

// extents is Segments with a path to keep pages on, and the file's size if it
// is known.
func extents(ctx context.Context, w lists, c Content, size, from int64) iter.Seq2[Extent, error] {
	return func(yield func(Extent, error) bool) {
		if from < 0 {
			yield(Extent{}, fmt.Errorf("segments from %d: negative offset", from))
			return
		}
		if !c.List.IsZero() {
			w.all(ctx, listRef{c.List, anyLevel, size, c.Count}, from, yield)
			return
		}
		at := int64(0)
		for _, s := range c.Segments {
			if at+s.Length > from && !yield(Extent{at, s}, nil) {
				return
			}
			at += s.Length
		}
	}
}

// all is extents for a whole list; an error is the last thing it yields.
func (w lists) all(ctx context.Context, top listRef, from int64, yield func(Extent, error) bool) {
	w.extents(ctx, 0, top, 0, from, func(e Extent, err error) bool {
		return yield(e, err) && err == nil
	})
}
