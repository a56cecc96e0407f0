package engine

import (
	"context"
	"fmt"

	"github.com/maypok86/otter/v2"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// reader fetches chunks: index → frame → bytes, checked against their id.
// Decoded frames are kept up to a number of bytes; several readers of one frame
// wait for one fetch.
type reader struct {
	store  backends.Store
	db     *index.DB
	frames *otter.Cache[frameID, []byte]
}

type frameID struct{ pack, frame uint32 }

var _ manifest.Source = (*reader)(nil)

func newReader(s backends.Store, db *index.DB, cacheBytes int64) *reader {
	frames := otter.Must(&otter.Options[frameID, []byte]{
		MaximumWeight: uint64(cacheBytes),
		Weigher:       func(_ frameID, b []byte) uint32 { return uint32(cap(b)) + 64 },
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
	raw, err := r.frames.Get(ctx, frameID{loc.Pack, loc.Frame}, otter.LoaderFunc[frameID, []byte](r.load))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind, id, err)
	}
	end := uint64(loc.Offset) + uint64(loc.Length)
	if end <= uint64(len(raw)) {
		if b := raw[loc.Offset:end:end]; kind.Sum(b) == id {
			return b, nil
		}
	}
	return nil, r.mismatch(loc, id)
}

func (r *reader) load(ctx context.Context, f frameID) ([]byte, error) {
	p, err := r.db.Pack(f.pack)
	if err != nil {
		return nil, err
	}
	frame, err := r.db.Frame(f.pack, f.frame)
	if err != nil {
		return nil, err
	}
	return packfile.ReadFrame(ctx, r.store, p.ID, frame)
}

// mismatch names the place of a chunk whose bytes are not its own.
func (r *reader) mismatch(loc index.Location, id chunker.ID) error {
	p, err := r.db.Pack(loc.Pack)
	if err != nil {
		return err
	}
	frame, err := r.db.Frame(loc.Pack, loc.Frame)
	if err != nil {
		return err
	}
	return &packfile.CorruptError{
		Object: packfile.Key(p.ID), Offset: frame.Offset, Chunk: id,
		Reason: "the chunk's bytes do not match its id",
	}
}
