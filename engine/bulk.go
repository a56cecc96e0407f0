package engine

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/unpack"
	"github.com/artifortress/afs-engine/packfile"
)

// Limits of bulk reads, in bytes.
const (
	heldMin    = 9 << 20         // what all of a reader's bulk reads hold at once is at least this; room for a delta's bases as well
	spanMax    = 1 << 20         // what one ranged read brings, or one frame;
	spanMin    = 128 << 10       // less if there are many workers, but not less than this
	spanGap    = 64 << 10        // so much that nobody wants is read, rather than asked for around
	bufferKept = 2<<20 + 128<<10 // a larger buffer is not kept for the next read: a frame of 2 MiB takes a little more than that
)

// edge is how many of the first and of the last chunks asked for count as near
// those that are asked for before and after.
const edge = 256

var _ unpack.BulkSource = gatedChunks{}

// bulk is one call of Chunks.
type bulk struct {
	r    *reader
	kind chunker.Kind
	ids  []chunker.ID
	got  unpack.Got

	deltas bool // some of the frames are
}

// spanBuffers are one reader's, used again by the next.
type spanBuffers struct {
	stored, raw []byte

	// Of a frame's chunks, for check.
	chunks [][]byte
	ids    []chunker.ID
	good   []bool
}

// Chunks implements unpack.BulkSource: chunks are grouped by frame, frames
// that stand together are read together, and each frame is decoded once. A
// frame stays in the cache if those who ask for what comes before or after may
// want the rest of it: if a part of it is wanted, first or last. Any other goes
// to a buffer that is used again.
func (r *reader) Chunks(ctx context.Context, kind chunker.Kind, ids []chunker.ID, workers int, got unpack.Got) error {
	q := bulk{r: r, kind: kind, ids: ids, got: got}
	r.bulks.Add(1)
	defer func() {
		if r.bulks.Add(-1) == 0 {
			r.slots.trim()
		}
	}()
	spans, err := q.plan(ctx, min(spanMax, max(r.heldMax/2/int64(workers), spanMin)), workers)
	if err != nil {
		return err
	}
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range min(workers, len(spans)) {
		g.Go(func() error {
			b, _ := r.buffers.Get().(*spanBuffers)
			if b == nil {
				b = new(spanBuffers)
			}
			for i := next.Add(1) - 1; i < int64(len(spans)); i = next.Add(1) - 1 {
				if err := q.read(ctx, spans[i], b); err != nil {
					return err
				}
			}
			if cap(b.stored) <= bufferKept && cap(b.raw) <= bufferKept {
				r.buffers.Put(b)
			}
			return nil
		})
	}
	return g.Wait()
}

// read reads a span and gives out what is wanted of it, but for frames that
// are in memory already. If the read fails, each frame is read by itself, so
// that what is damaged is named and costs no other frame.
func (q *bulk) read(ctx context.Context, s span, b *spanBuffers) error {
	var absent []*wantedFrame
	for i := range s.frames {
		f := &s.frames[i]
		cached, ok := q.r.frames.GetIfPresent(f.frameID)
		if !ok {
			absent = append(absent, f)
		} else if err := q.give(ctx, f, cached.raw, b); err != nil {
			return err
		}
	}
	if len(absent) == 0 {
		return ctx.Err()
	}
	held := min(s.held(), q.r.heldMax)
	if err := q.r.held.Acquire(ctx, held); err != nil {
		return err
	}
	defer q.r.held.Release(held)
	p, err := q.readSpan(ctx, s.pack, absent, b)
	each := err != nil && len(absent) > 1
	for i, f := range absent {
		if each {
			p, err = q.readSpan(ctx, s.pack, absent[i:i+1], b)
		}
		if err := q.decode(ctx, p, err, f, b); err != nil {
			return err
		}
	}
	return nil
}

func (q *bulk) readSpan(ctx context.Context, pack packfile.ID, wanted []*wantedFrame, b *spanBuffers) (packfile.Span, error) {
	frames := make([]packfile.Frame, len(wanted))
	for i, f := range wanted {
		frames[i] = f.Frame
	}
	p, err := packfile.ReadSpan(ctx, q.r.store, pack, frames, b.stored)
	if err == nil {
		b.stored = p.Stored()
	}
	return p, err
}

// decode gives out what is wanted of a frame of p, or why there is nothing.
func (q *bulk) decode(ctx context.Context, p packfile.Span, err error, f *wantedFrame, b *spanBuffers) error {
	if err == nil && q.toSlot(f) {
		var x *slot
		x, err = q.r.slots.take(ctx, f.frameID, func(buffer func(int) []byte) ([]byte, error) {
			return p.Decode(f.Frame, buffer(int(f.Raw)), nil)
		})
		if err == nil {
			defer q.r.slots.give(x)
			return q.give(ctx, f, x.raw, b)
		}
	}
	var raw []byte
	if err == nil {
		raw, err = q.raw(ctx, p, f, b)
	}
	if err == nil {
		return q.give(ctx, f, raw, b)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, w := range f.chunks {
		if err := q.got(w.i, nil, nil, fmt.Errorf("%s %s: %w", q.kind, q.ids[w.i], err)); err != nil {
			return err
		}
	}
	return nil
}

// toSlot says that a frame is in a slot, or goes there: deltas may refer to it, and
// those who ask for what comes before or after may want the rest of it.
func (q *bulk) toSlot(f *wantedFrame) bool {
	return q.deltas && f.Codec == packfile.CodecZstd && (q.r.slots.has(f.frameID) || !f.whole() && q.atEdge(f))
}

// raw decodes a frame into the buffers, or for the cache.
func (q *bulk) raw(ctx context.Context, p packfile.Span, f *wantedFrame, b *spanBuffers) ([]byte, error) {
	if f.whole() || !q.atEdge(f) {
		raw, err := p.DecodePart(f.Frame, f.need(), b.raw, q.r.bulkBases(ctx))
		if err == nil && f.Codec != packfile.CodecRaw {
			b.raw = raw
		}
		return raw, err
	}
	raw, err := p.Decode(f.Frame, nil, q.r.bulkBases(ctx))
	if err != nil {
		return nil, err
	}
	if f.Codec == packfile.CodecRaw {
		raw = slices.Clone(raw)
	}
	q.r.frames.Set(f.frameID, newFrame(raw))
	return raw, nil
}

// atEdge says that some of the frame is wanted first or last.
func (q *bulk) atEdge(f *wantedFrame) bool {
	return slices.ContainsFunc(f.chunks, func(w wanted) bool { return w.i < edge || w.i >= len(q.ids)-edge })
}

// give passes on the chunks of a frame, those together that follow each other
// in it as they were asked for.
func (q *bulk) give(ctx context.Context, f *wantedFrame, raw []byte, b *spanBuffers) error {
	good := q.check(f, raw, b)
	for n := 0; n < len(f.chunks); {
		first := f.chunks[n]
		if !good[n] {
			n++
			if err := q.got(first.i, nil, nil, q.r.mismatch(ctx, first.loc, q.ids[first.i])); err != nil {
				return err
			}
			continue
		}
		ends := append(make([]int, 0, len(f.chunks)-n), int(first.loc.Length))
		for n++; n < len(f.chunks) && f.follows(n) && good[n]; n++ {
			ends = append(ends, ends[len(ends)-1]+int(f.chunks[n].loc.Length))
		}
		at := int(first.loc.Offset)
		if err := q.got(first.i, raw[at:at+ends[len(ends)-1]], ends, nil); err != nil {
			return err
		}
	}
	return nil
}

// check says which chunks of a frame have the bytes that their ids are of. One
// that is wanted several times is named once.
func (q *bulk) check(f *wantedFrame, raw []byte, b *spanBuffers) []bool {
	b.chunks, b.good = b.chunks[:0], b.good[:0]
	for n, w := range f.chunks {
		c, ok := chunkIn(raw, w.loc)
		b.good = append(b.good, ok)
		if !f.repeats(n) {
			b.chunks = append(b.chunks, c)
		}
	}
	b.ids = slices.Grow(b.ids[:0], len(b.chunks))[:len(b.chunks)]
	q.kind.SumAll(b.ids, b.chunks)
	clear(b.chunks) // the frame is not kept
	for n, different := 0, -1; n < len(f.chunks); n++ {
		if !f.repeats(n) {
			different++
		}
		b.good[n] = b.good[n] && b.ids[different] == q.ids[f.chunks[n].i]
	}
	return b.good
}
