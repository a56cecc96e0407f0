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
	heldMin    = 4 << 20   // what all of a reader's bulk reads hold at once is at least this
	spanMax    = 1 << 20   // what one ranged read brings, or one frame;
	spanMin    = 128 << 10 // less if there are many workers, but not less than this
	spanGap    = 64 << 10  // so much that nobody wants is read, rather than asked for around
	bufferKept = 2 << 20   // a larger buffer is not kept for the next read
)

var _ unpack.BulkSource = gatedChunks{}

// bulk is one call of Chunks.
type bulk struct {
	r    *reader
	kind chunker.Kind
	ids  []chunker.ID
	got  func(i int, b []byte, err error) error
}

// spanBuffers are one reader's, used again by the next.
type spanBuffers struct{ stored, raw []byte }

// Chunks implements unpack.BulkSource: chunks are grouped by frame, frames
// that stand together are read together, and each frame is decoded once. A
// frame of which all is wanted bypasses the cache; one of which a part is
// wanted stays there for those who want the rest.
func (r *reader) Chunks(ctx context.Context, kind chunker.Kind, ids []chunker.ID, workers int, got func(i int, b []byte, err error) error) error {
	q := bulk{r, kind, ids, got}
	spans, err := q.plan(min(spanMax, max(r.heldMax/2/int64(workers), spanMin)))
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
		} else if err := q.give(f, cached.raw); err != nil {
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
	var raw []byte
	if err == nil {
		raw, err = q.raw(p, f, b)
	}
	if err == nil {
		return q.give(f, raw)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, w := range f.chunks {
		if err := q.got(w.i, nil, fmt.Errorf("%s %s: %w", q.kind, q.ids[w.i], err)); err != nil {
			return err
		}
	}
	return nil
}

// raw decodes a frame into the buffers, or for the cache.
func (q *bulk) raw(p packfile.Span, f *wantedFrame, b *spanBuffers) ([]byte, error) {
	if f.whole {
		raw, err := p.Decode(f.Frame, b.raw)
		if err == nil && f.Codec != packfile.CodecRaw {
			b.raw = raw
		}
		return raw, err
	}
	raw, err := p.Decode(f.Frame, nil)
	if err != nil {
		return nil, err
	}
	if f.Codec == packfile.CodecRaw {
		raw = slices.Clone(raw)
	}
	q.r.frames.Set(f.frameID, &frame{raw: raw})
	return raw, nil
}

// give passes on the chunks of a frame. A chunk that is wanted several times
// is checked once.
func (q *bulk) give(f *wantedFrame, raw []byte) error {
	var b []byte
	var ok bool
	for n, w := range f.chunks {
		if n == 0 || f.chunks[n-1].loc != w.loc || q.ids[f.chunks[n-1].i] != q.ids[w.i] {
			b, ok = checkedChunk(raw, w.loc, q.ids[w.i])
		}
		var err error
		if !ok {
			b, err = nil, q.r.mismatch(w.loc, q.ids[w.i])
		}
		if err := q.got(w.i, b, err); err != nil {
			return err
		}
	}
	return nil
}
