package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/packfile"
)

// deltaDepthMax is how far a chunk may be from its bytes. Writers refer only to
// what is no delta itself, but a chunk may come to lie elsewhere.
const deltaDepthMax = 4

// bases reads what delta frames refer to. Frames that it reads stay in the cache:
// those that stand next to each other have many in common.
func (r *reader) bases(ctx context.Context) packfile.Bases { return r.basesAt(ctx, 0) }

func (r *reader) basesAt(ctx context.Context, depth int) packfile.Bases {
	return r.basesFrom(ctx, depth, func(id frameID) ([]byte, func(), error) {
		f, err := r.baseFrame(ctx, id, depth+1)
		if err != nil {
			return nil, nil, err
		}
		return f.raw, func() {}, nil
	})
}

// bulkBases is bases for bulk reads, which keep such frames by themselves.
func (r *reader) bulkBases(ctx context.Context) packfile.Bases {
	return r.basesFrom(ctx, 0, func(id frameID) ([]byte, func(), error) {
		if f, ok := r.frames.GetIfPresent(id); ok {
			return f.raw, func() {}, nil
		}
		x, err := r.slot(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		return x.raw, func() { r.slots.give(x) }, nil
	})
}

// strictBases is bases for deltas that another program has made: it takes no more
// frames than writers do, and no deltas of deltas, so that nobody can have this
// process decode far more than he has stored.
func (r *reader) strictBases(ctx context.Context) packfile.Bases {
	return func(dst []byte, ids []chunker.ID) ([]byte, error) {
		seen := map[frameID]bool{}
		return r.basesFrom(ctx, 0, func(id frameID) ([]byte, func(), error) {
			if seen[id] = true; len(seen) > packfile.BaseFramesMax {
				return nil, nil, badDelta("a delta refers to more than %d frames", packfile.BaseFramesMax)
			}
			f, err := r.baseFrame(ctx, id, deltaDepthMax)
			if err != nil {
				return nil, nil, err
			}
			return f.raw, func() {}, nil
		})(dst, ids)
	}
}

// blame returns the error for a frame in which a chunk has other bytes than it
// should: err, unless it is a delta and those of a base are not what they should be.
func (r *reader) blame(ctx context.Context, place dataplane.FramePlace, err error) error {
	if place.Codec != packfile.CodecDelta {
		return err
	}
	d, derr := packfile.ReadDelta(ctx, r.store, place.Pack, place.Frame)
	if derr != nil {
		return err
	}
	for _, id := range d.Bases {
		if _, berr := r.Chunk(ctx, chunker.Data, id); errors.Is(berr, packfile.ErrCorrupt) {
			return berr
		}
	}
	return err
}

// slot reads a frame into a slot, which the caller gives back.
func (r *reader) slot(ctx context.Context, id frameID) (*slot, error) {
	return r.slots.take(ctx, id, func(buffer func(int) []byte) ([]byte, error) {
		place, err := frameAt(ctx, r.plane, id)
		if err != nil {
			return nil, err
		}
		return packfile.ReadFrame(ctx, r.store, place.Pack, place.Frame, buffer(int(place.Frame.Raw)), r.basesAt(ctx, 1))
	})
}

// basesFrom has frames read by read, whose caller calls done when he no longer
// needs them.
func (r *reader) basesFrom(ctx context.Context, depth int, read func(frameID) (raw []byte, done func(), err error)) packfile.Bases {
	return func(dst []byte, ids []chunker.ID) ([]byte, error) {
		if depth == deltaDepthMax {
			return dst, badDelta("chunk %s is a delta of a delta, too often", ids[0])
		}
		places := make([]dataplane.Place, len(ids))
		if err := r.plane.Lookup(ctx, ids, places); err != nil {
			return dst, err
		}
		var last frameID
		var raw []byte
		done := func() {}
		defer func() { done() }()
		for i := range places {
			p := &places[i]
			if !p.Found || p.Kind != chunker.Data {
				return dst, badDelta("chunk %s is in no pack", ids[i])
			}
			if len(dst)+int(p.Length) > packfile.DictMax {
				return dst, badDelta("a delta refers to more than %d bytes", packfile.DictMax)
			}
			if id := (frameID{Pack: p.Pack, Frame: p.Frame}); raw == nil || id != last {
				got, gotDone, err := read(id)
				if err != nil {
					return dst, fmt.Errorf("chunk %s: %w", ids[i], err)
				}
				done()
				last, raw, done = id, got, gotDone
			}
			b, ok := chunkIn(raw, p.Location)
			if !ok {
				return dst, r.mismatch(ctx, p.Location, ids[i])
			}
			dst = append(dst, b...)
		}
		return dst, nil
	}
}

// badDelta is the error for a delta that nobody can decode, now or later.
func badDelta(format string, args ...any) error {
	return fmt.Errorf("%w: %w: %s", ErrDamaged, packfile.ErrLost, fmt.Sprintf(format, args...))
}

// baseFrame is a frame that another one refers to. Whoever reads the other has
// others wait for it, and so must wait for none himself: it is read twice rather
// than waited for.
func (r *reader) baseFrame(ctx context.Context, id frameID, depth int) (*frame, error) {
	if f, ok := r.frames.GetIfPresent(id); ok {
		return f, nil
	}
	f, err := r.loadAt(ctx, id, depth)
	if err == nil {
		r.frames.Set(id, f)
	}
	return f, err
}
