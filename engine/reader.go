package engine

import (
	"context"
	"fmt"
	"sync"

	"github.com/maypok86/otter/v2"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// reader fetches chunks: index → frame → bytes, checked against their id.
// A chunk that was checked once stays so as long as its frame is in memory.
// Decoded frames are kept up to a number of bytes; several readers of one frame
// wait for one fetch.
type reader struct {
	store  backends.Store
	db     *index.DB
	frames *otter.Cache[frameID, *frame]
}

type frameID struct{ pack, frame uint32 }

// frame is decoded bytes, and which chunks of them have been checked.
type frame struct {
	raw     []byte
	checked sync.Map // offset → chunker.ID
}

var _ manifest.Source = (*reader)(nil)

// frameOverhead is about what the cache and the checked chunks of a frame take,
// in bytes.
const frameOverhead = 1 << 10

func newReader(s backends.Store, db *index.DB, cacheBytes int64) *reader {
	frames := otter.Must(&otter.Options[frameID, *frame]{
		MaximumWeight: uint64(max(cacheBytes, 1)), // otter takes 0 for no limit at all
		Weigher:       func(_ frameID, f *frame) uint32 { return uint32(cap(f.raw)) + frameOverhead },
	})
	return &reader{s, db, frames}
}

func (r *reader) close() { r.frames.StopAllGoroutines() }

// Chunk implements manifest.Source.
func (r *reader) Chunk(ctx context.Context, kind chunker.Kind, id chunker.ID) ([]byte, error) {
	loc, ok, err := r.db.Lookup(id)
	if err != nil {
		return nil, err
	}
	if !ok || loc.Kind != kind {
		return nil, fmt.Errorf("%w: %s %s is in no pack", ErrDamaged, kind, id)
	}
	f, err := r.frames.Get(ctx, frameID{loc.Pack, loc.Frame}, otter.LoaderFunc[frameID, *frame](r.load))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind, id, err)
	}
	end := uint64(loc.Offset) + uint64(loc.Length)
	if end > uint64(len(f.raw)) {
		return nil, r.mismatch(loc, id)
	}
	b := f.raw[loc.Offset:end:end]
	if known, ok := f.checked.Load(loc.Offset); ok && known == id {
		return b, nil
	}
	if kind.Sum(b) == id {
		f.checked.Store(loc.Offset, id)
		return b, nil
	}
	return nil, r.mismatch(loc, id)
}

func (r *reader) load(ctx context.Context, f frameID) (*frame, error) {
	p, err := r.db.Pack(f.pack)
	if err != nil {
		return nil, err
	}
	place, err := r.db.Frame(f.pack, f.frame)
	if err != nil {
		return nil, err
	}
	raw, err := packfile.ReadFrame(ctx, r.store, p.ID, place)
	return &frame{raw: raw}, err
}

// mismatch names the place of a chunk whose bytes are not its own.
func (r *reader) mismatch(loc index.Location, id chunker.ID) error {
	p, err := r.db.Pack(loc.Pack)
	if err != nil {
		return err
	}
	place, err := r.db.Frame(loc.Pack, loc.Frame)
	if err != nil {
		return err
	}
	return &packfile.CorruptError{
		Object: packfile.Key(p.ID), Offset: place.Offset, Chunk: id,
		Reason: "the chunk's bytes do not match its id",
	}
}
