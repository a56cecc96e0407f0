package engine

import (
	"cmp"
	"context"
	"slices"

	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// wanted is a chunk to be read, the i-th that was asked for.
type wanted struct {
	i   int
	loc index.Location
}

// wantedFrame is a frame and what is wanted of it, by offset.
type wantedFrame struct {
	frameID frameID
	dataplane.FramePlace
	chunks    []wanted
	different uint32 // of them
}

// whole says that all that is in the frame is wanted.
func (f *wantedFrame) whole() bool { return f.different >= f.Entries }

// need is how many bytes of the decoded frame are enough.
func (f *wantedFrame) need() (n int) {
	for _, w := range f.chunks {
		n = max(n, int(w.loc.Offset)+int(w.loc.Length))
	}
	return n
}

func (f *wantedFrame) end() int64 { return f.Offset + int64(f.Stored) }

// repeats says that the n-th chunk is where the one before it is.
func (f *wantedFrame) repeats(n int) bool { return n > 0 && f.chunks[n-1].loc == f.chunks[n].loc }

// follows says that the n-th chunk was asked for next after the one before it,
// and stands next to it.
func (f *wantedFrame) follows(n int) bool {
	before, w := f.chunks[n-1], f.chunks[n]
	return w.i == before.i+1 && w.loc.Offset == before.loc.Offset+before.loc.Length
}

// span is frames that stand near each other and are read as one.
type span struct {
	pack   packfile.ID
	frames []wantedFrame
}

// first is the chunk of the span that was asked for first.
func (s span) first() int {
	first := s.frames[0].chunks[0].i
	for i := range s.frames {
		for _, w := range s.frames[i].chunks {
			first = min(first, w.i)
		}
	}
	return first
}

// afterDeltas is 0 if one of the frames is a delta, else 1.
func (s span) afterDeltas() int {
	for i := range s.frames {
		if s.frames[i].Codec == packfile.CodecDelta {
			return 0
		}
	}
	return 1
}

// held is the most memory that reading the span takes: its stored bytes, one
// decoded frame, and what that may refer to.
func (s span) held() int64 {
	raw := uint32(0)
	for i := range s.frames {
		n := s.frames[i].Raw
		if s.frames[i].Codec == packfile.CodecDelta {
			n += packfile.DictMax
		}
		raw = max(raw, n)
	}
	return s.frames[len(s.frames)-1].end() - s.frames[0].Offset + int64(raw)
}

// plan groups what is asked for in spans of at most limit bytes, in order of
// place, for that many workers.
func (q *bulk) plan(ctx context.Context, limit int64, workers int) (spans []span, err error) {
	found, err := q.locate(ctx)
	if err != nil {
		return nil, err
	}
	frames := framesOf(found)
	if err := q.placeFrames(ctx, frames); err != nil {
		return nil, err
	}
	return q.spans(frames, limit, workers), nil
}

// locate finds the chunks and sorts them by place. What is nowhere is told at
// once.
func (q *bulk) locate(ctx context.Context) ([]wanted, error) {
	places := make([]dataplane.Place, len(q.ids))
	for at := 0; at < len(q.ids); at += dataplane.IDsMax {
		end := min(at+dataplane.IDsMax, len(q.ids))
		if err := q.r.plane.Lookup(ctx, q.ids[at:end], places[at:end]); err != nil {
			return nil, err
		}
	}
	found := make([]wanted, 0, len(q.ids))
	for i := range places {
		if places[i].Found && places[i].Kind == q.kind {
			found = append(found, wanted{i, places[i].Location})
		} else if err := q.got(i, nil, nil, missing(q.kind, q.ids[i])); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(found, func(a, b wanted) int {
		return cmp.Or(
			cmp.Compare(a.loc.Pack, b.loc.Pack), cmp.Compare(a.loc.Frame, b.loc.Frame),
			cmp.Compare(a.loc.Offset, b.loc.Offset), cmp.Compare(a.i, b.i))
	})
	return found, nil
}

// framesOf groups chunks, sorted by place, by their frames.
func framesOf(found []wanted) (frames []wantedFrame) {
	for len(found) > 0 {
		id := frameID{Pack: found[0].loc.Pack, Frame: found[0].loc.Frame}
		n, different := 1, uint32(1)
		for ; n < len(found) && id == (frameID{Pack: found[n].loc.Pack, Frame: found[n].loc.Frame}); n++ {
			if found[n].loc.Offset != found[n-1].loc.Offset {
				different++
			}
		}
		frames = append(frames, wantedFrame{frameID: id, chunks: found[:n], different: different})
		found = found[n:]
	}
	return frames
}

// placeFrames finds out where the frames are.
func (q *bulk) placeFrames(ctx context.Context, frames []wantedFrame) error {
	ids := make([]frameID, len(frames))
	for i := range frames {
		ids[i] = frames[i].frameID
	}
	places := make([]dataplane.FramePlace, len(ids))
	for at := 0; at < len(ids); at += dataplane.IDsMax {
		end := min(at+dataplane.IDsMax, len(ids))
		if err := q.r.plane.Frames(ctx, ids[at:end], places[at:end]); err != nil {
			return err
		}
	}
	for i := range frames {
		frames[i].FramePlace = places[i]
		q.deltas = q.deltas || places[i].Codec == packfile.CodecDelta
	}
	return nil
}

// spans groups frames of one pack that are near each other. Towards the end
// they are smaller, so that no worker is left with a large one alone.
func (q *bulk) spans(frames []wantedFrame, limit int64, workers int) (spans []span) {
	left := int64(0) // stored bytes that no span has yet
	for i := range frames {
		left += int64(frames[i].Stored)
	}
	for at, n := 0, 0; at < len(frames); at += n {
		limit := min(limit, max(left/int64(workers), spanMin))
		first := &frames[at]
		end := first.end()
		left -= int64(first.Stored)
		for n = 1; at+n < len(frames); n++ {
			f := &frames[at+n]
			if f.Pack != first.Pack || f.Offset < end || f.Offset-end > spanGap || f.end()-first.Offset > limit {
				break
			}
			end = f.end()
			left -= int64(f.Stored)
		}
		spans = append(spans, span{first.Pack, frames[at : at+n]})
	}
	if q.deltas {
		// What deltas refer to is often wanted itself, and decoded by then.
		slices.SortStableFunc(spans, func(a, b span) int {
			return cmp.Or(cmp.Compare(a.afterDeltas(), b.afterDeltas()), cmp.Compare(a.first(), b.first()))
		})
	}
	return spans
}
