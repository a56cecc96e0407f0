package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/semaphore"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// reader fetches chunks: index → frame → bytes, checked against their id.
// A chunk that was checked once usually stays so as long as its frame is in memory.
// Decoded frames are kept up to a number of bytes; several readers of one frame
// wait for one fetch. Bulk reads hold a third of that besides. So does
// what deltas refer to, and while bulk reads are under way as much of the cache's own
// share as the cache has not filled.
type reader struct {
	store  backends.Store
	plane  dataplane.Chunks
	frames *otter.Cache[frameID, *frame]
	places *otter.Cache[chunker.ID, index.Location] // of chunks that were announced

	cacheMax int64 // bytes of frames
	heldMax  int64 // what bulk reads may hold at once: bytes, or one frame
	held     *semaphore.Weighted
	buffers  sync.Pool    // *spanBuffers
	slots    *slots       // what they read for the sake of others
	bulks    atomic.Int64 // that are under way
}

type frameID = dataplane.FrameID

// frame is decoded bytes, and some of their chunks that have been checked. For
// each slotRange bytes of them it remembers the last one that begins there:
// chunks smaller than that may be checked again, which costs little, while to
// remember all of them could take more than the bytes.
type frame struct {
	raw     []byte
	checked []atomic.Pointer[checked]
}

// checked is a chunk whose bytes are its id's.
type checked struct {
	offset, length uint32
	id             chunker.ID
}

const slotRange = 4 << 10

func newFrame(raw []byte) *frame {
	return &frame{raw: raw, checked: make([]atomic.Pointer[checked], len(raw)/slotRange+1)}
}

var _ manifest.Source = (*reader)(nil)

// What a frame takes in the cache besides its bytes, at most.
const (
	frameOverhead = 512
	slotOverhead  = int(unsafe.Sizeof(atomic.Pointer[checked]{}) + unsafe.Sizeof(checked{}))
)

func (f *frame) size() uint32 {
	return uint32(cap(f.raw) + len(f.checked)*slotOverhead + frameOverhead)
}

// chunk is the chunk at loc, if its bytes are the id's.
func (f *frame) chunk(loc index.Location, id chunker.ID) ([]byte, bool) {
	b, ok := chunkIn(f.raw, loc)
	if !ok {
		return nil, false
	}
	slot := &f.checked[loc.Offset/slotRange]
	if c := slot.Load(); c != nil && *c == (checked{loc.Offset, loc.Length, id}) {
		return b, true
	}
	if b, ok = checkedChunk(f.raw, loc, id); ok {
		slot.Store(&checked{loc.Offset, loc.Length, id})
	}
	return b, ok
}

func newReader(s backends.Store, plane dataplane.Chunks, cacheBytes int64) *reader {
	frames := otter.Must(&otter.Options[frameID, *frame]{
		MaximumWeight: uint64(max(cacheBytes, 1)), // otter takes 0 for no limit at all
		Weigher:       func(_ frameID, f *frame) uint32 { return f.size() },
	})
	places := otter.Must(&otter.Options[chunker.ID, index.Location]{MaximumSize: placesMax})
	held := max(cacheBytes/3, heldMin)
	r := &reader{store: s, plane: plane, frames: frames, places: places, cacheMax: cacheBytes, heldMax: held, held: semaphore.NewWeighted(held)}
	r.slots = newSlots(r.slotsRoom)
	return r
}

// slotsRoom is how many bytes slots may have. A restore has little use for the cache,
// and decodes a large frame less often the more of them it keeps.
func (r *reader) slotsRoom() int64 {
	if r.bulks.Load() == 0 {
		return r.heldMax
	}
	return max(r.heldMax, r.cacheMax-int64(r.frames.WeightedSize()))
}

func (r *reader) close() {
	r.frames.StopAllGoroutines()
	r.places.StopAllGoroutines()
}

// placesMax is how many places are kept: those of some files that are being
// read, in about 3 MB.
const placesMax = 1 << 14

// Announce implements manifest.Announcer. To ask an owner in another process for
// each chunk of a file takes longer than to read it.
func (r *reader) Announce(ctx context.Context, ids []chunker.ID) {
	unknown := make([]chunker.ID, 0, min(len(ids), dataplane.IDsMax))
	for _, id := range ids {
		if _, ok := r.places.GetIfPresent(id); !ok && !id.IsZero() && len(unknown) < cap(unknown) {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) < 2 {
		return
	}
	found := make([]dataplane.Place, len(unknown))
	if r.plane.Lookup(ctx, unknown, found) != nil {
		return
	}
	for i, f := range found {
		if f.Found {
			r.places.Set(unknown[i], f.Location)
		}
	}
}

// Chunk implements manifest.Source.
func (r *reader) Chunk(ctx context.Context, kind chunker.Kind, id chunker.ID) ([]byte, error) {
	loc, announced := r.places.GetIfPresent(id)
	if !announced || loc.Kind != kind {
		var err error
		if loc, err = r.locate(ctx, kind, id); err != nil {
			return nil, err
		}
	}
	f, err := r.frames.Get(ctx, frameID{Pack: loc.Pack, Frame: loc.Frame}, otter.LoaderFunc[frameID, *frame](r.load))
	if errors.Is(err, backends.ErrNotExist) { // the pack has gone; the chunk may have moved
		was := loc
		r.places.Invalidate(id)
		if loc, err = r.locate(ctx, kind, id); err == nil {
			f, err = r.frames.Get(ctx, frameID{Pack: loc.Pack, Frame: loc.Frame}, otter.LoaderFunc[frameID, *frame](r.load))
		}
		if err != nil {
			loc = was
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind, id, err)
	}
	b, ok := f.chunk(loc, id)
	if !ok {
		return nil, r.mismatch(ctx, loc, id)
	}
	return b, nil
}

// chunkIn is the chunk at loc in a decoded frame, unless the frame is too short.
func chunkIn(raw []byte, loc index.Location) ([]byte, bool) {
	end := uint64(loc.Offset) + uint64(loc.Length)
	if end > uint64(len(raw)) {
		return nil, false
	}
	return raw[loc.Offset:end:end], true
}

// checkedChunk is chunkIn if the bytes are the id's.
func checkedChunk(raw []byte, loc index.Location, id chunker.ID) ([]byte, bool) {
	b, ok := chunkIn(raw, loc)
	return b, ok && loc.Kind.Sum(b) == id
}

// missing is the error for a chunk that should be in the index.
func missing(kind chunker.Kind, id chunker.ID) error {
	return fmt.Errorf("%w: %s %s is in no pack", ErrDamaged, kind, id)
}

// locate finds a chunk in the index.
func (r *reader) locate(ctx context.Context, kind chunker.Kind, id chunker.ID) (index.Location, error) {
	ids, found := [1]chunker.ID{id}, [1]dataplane.Place{}
	if err := r.plane.Lookup(ctx, ids[:], found[:]); err != nil {
		return index.Location{}, err
	}
	if !found[0].Found || found[0].Kind != kind {
		return index.Location{}, missing(kind, id)
	}
	return found[0].Location, nil
}

func (r *reader) load(ctx context.Context, f frameID) (*frame, error) { return r.loadAt(ctx, f, 0) }

// loadAt reads a frame that so many others lead to.
func (r *reader) loadAt(ctx context.Context, f frameID, depth int) (*frame, error) {
	place, err := frameAt(ctx, r.plane, f)
	if err != nil {
		return nil, err
	}
	raw, err := packfile.ReadFrame(ctx, r.store, place.Pack, place.Frame, nil, r.basesAt(ctx, depth))
	if err != nil {
		return nil, err
	}
	return newFrame(raw), nil
}

// mismatch names the place of a chunk whose bytes are not its own.
func (r *reader) mismatch(ctx context.Context, loc index.Location, id chunker.ID) error {
	place, err := frameAt(ctx, r.plane, frameID{Pack: loc.Pack, Frame: loc.Frame})
	if err != nil {
		return err
	}
	return r.blame(ctx, place, &packfile.CorruptError{
		Object: packfile.Key(place.Pack), Offset: place.Offset, Chunk: id,
		Reason: "the chunk's bytes do not match its id",
	})
}
