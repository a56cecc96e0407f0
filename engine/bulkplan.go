package engine

import (
	"bytes"
	"cmp"
	"errors"
	"slices"

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
	frameID
	packfile.Frame
	chunks []wanted
	whole  bool // all that is in it is wanted
}

func (f *wantedFrame) end() int64 { return f.Offset + int64(f.Stored) }

// span is frames that stand near each other and are read as one.
type span struct {
	pack   packfile.ID
	frames []wantedFrame
}

// held is the most memory that reading the span takes: its stored bytes and one
// decoded frame.
func (s span) held() int64 {
	raw := uint32(0)
	for i := range s.frames {
		raw = max(raw, s.frames[i].Raw)
	}
	return s.frames[len(s.frames)-1].end() - s.frames[0].Offset + int64(raw)
}

// plan groups what is asked for in spans of at most limit bytes, in order of
// place.
func (q *bulk) plan(limit int64) (spans []span, err error) {
	find, err := q.r.db.Finder()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, find.Close()) }()
	found, err := q.locate(find)
	if err != nil {
		return nil, err
	}
	frames, err := framesOf(find, found)
	if err != nil {
		return nil, err
	}
	return q.spans(frames, limit)
}

// locate finds the chunks, asking the index in its own order, and sorts them by
// place. What is nowhere is told at once.
func (q *bulk) locate(find *index.Finder) ([]wanted, error) {
	order := make([]int, len(q.ids))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(q.ids[a][:], q.ids[b][:]) })
	found := make([]wanted, 0, len(order))
	var loc index.Location
	var ok bool
	for n, i := range order {
		var err error
		if n == 0 || q.ids[i] != q.ids[order[n-1]] {
			loc, ok, err = find.Chunk(q.ids[i])
		}
		switch {
		case err == nil && ok && loc.Kind == q.kind:
			found = append(found, wanted{i, loc})
		case err == nil:
			err = q.got(i, nil, missing(q.kind, q.ids[i]))
		}
		if err != nil {
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
func framesOf(find *index.Finder, found []wanted) (frames []wantedFrame, err error) {
	for len(found) > 0 {
		id := frameID{found[0].loc.Pack, found[0].loc.Frame}
		n, different := 1, uint32(1)
		for ; n < len(found) && id == (frameID{found[n].loc.Pack, found[n].loc.Frame}); n++ {
			if found[n].loc.Offset != found[n-1].loc.Offset {
				different++
			}
		}
		f, err := find.Frame(id.pack, id.frame)
		if err != nil {
			return nil, err
		}
		frames = append(frames, wantedFrame{id, f, found[:n], different >= f.Entries})
		found = found[n:]
	}
	return frames, nil
}

// spans groups frames of one pack that are near each other.
func (q *bulk) spans(frames []wantedFrame, limit int64) (spans []span, err error) {
	var pack index.Pack
	for at, n := 0, 0; at < len(frames); at += n {
		first := &frames[at]
		if at == 0 || frames[at-1].pack != first.pack {
			if pack, err = q.r.db.Pack(first.pack); err != nil {
				return nil, err
			}
		}
		end := first.end()
		for n = 1; at+n < len(frames); n++ {
			f := &frames[at+n]
			if f.pack != first.pack || f.Offset < end || f.Offset-end > spanGap || f.end()-first.Offset > limit {
				break
			}
			end = f.end()
		}
		spans = append(spans, span{pack.ID, frames[at : at+n]})
	}
	return spans, nil
}
