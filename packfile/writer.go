package packfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/blake3"

	"github.com/artifortress/afs-engine/chunker"
)

// WriterOptions describe a pack to be written. Class is required; for all else
// zero values work.
type WriterOptions struct {
	Class     Class
	Domain    uint32                   // dedup domain
	FrameSize int                      // raw bytes that a frame is filled up to; 0: DataFrameSize or MetaFrameSize
	Level     zstd.EncoderLevel        // 0: DefaultLevel
	Workers   int                      // frames compressed at once; 0: GOMAXPROCS
	Nonce     func() ([16]byte, error) // nil: from crypto/rand
}

// DefaultLevel is the zstd level of WriterOptions. On software artifacts the
// next one saves about 5 % more and takes almost twice the time, which is what
// bounds an ingest.
const DefaultLevel = zstd.SpeedFastest

func (o *WriterOptions) ensureDefaults() {
	if o.FrameSize == 0 {
		o.FrameSize = DataFrameSize
		if o.Class == ClassMeta {
			o.FrameSize = MetaFrameSize
		}
	}
	if o.Level == 0 {
		o.Level = DefaultLevel
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Nonce == nil {
		o.Nonce = func() (n [16]byte, err error) {
			_, err = rand.Read(n[:])
			return n, err
		}
	}
}

func (o *WriterOptions) validate() error {
	switch {
	case !o.Class.Valid():
		return fmt.Errorf("pack class %d is neither data nor metadata", o.Class)
	case o.FrameSize < 1 || o.FrameSize > ChunkMax:
		return fmt.Errorf("pack frame size %d is outside of 1 to %d bytes", o.FrameSize, ChunkMax)
	case o.Workers < 1:
		return fmt.Errorf("%d pack workers", o.Workers)
	}
	return nil
}

// Errors of a Writer's use.
var (
	ErrSpent = errors.New("pack writer is spent: it was sealed or aborted")
	ErrFull  = errors.New("pack index is full")
	ErrEmpty = errors.New("pack has no chunks")
)

// A Writer puts a pack together in memory. Chunks go into frames in the order
// of Add, and frames into the object in that order too, while several of them
// are compressed at once: the same options, nonce and Adds give the same
// bytes whatever Workers is. After Seal or Abort, Reset makes it ready for
// another pack with the buffers and encoders it has, so that a steady state
// allocates index entries only. Not safe for concurrent use.
type Writer struct {
	o        WriterOptions
	comp     *compressor
	cur      *job // the frame being filled; nil: none
	body     slabs
	hash     *blake3.Hasher // of body
	index    *Index
	deps     depSlab
	head     []byte
	frames   int // closed so far, compressed or not
	entries  int // bytes of entries in the index block
	raw      int64
	sizeHint int // entries of the pack before
	open     bool
}

// NewWriter returns a Writer of one pack.
func NewWriter(o WriterOptions) (*Writer, error) {
	o.ensureDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	c, err := newCompressor(o.Level, o.Workers)
	if err != nil {
		return nil, fmt.Errorf("make pack compressor: %w", err)
	}
	w := &Writer{o: o, comp: c, hash: blake3.New()}
	if err := w.Reset(); err != nil {
		return nil, err
	}
	return w, nil
}

// Reset begins another pack with a new nonce. What was not sealed is given up,
// and the body of what was sealed must not be read any more; its Index stays
// valid.
func (w *Writer) Reset() error {
	w.Abort()
	nonce, err := w.o.Nonce()
	if err != nil {
		return fmt.Errorf("make pack nonce: %w", err)
	}
	h := header{class: w.o.Class, nonce: nonce, domain: w.o.Domain}
	w.head = h.append(w.head[:0])
	w.index = h.index(ID{}, 0)
	w.index.Entries = make([]Entry, 0, w.sizeHint)
	w.deps, w.frames, w.entries, w.raw = nil, 0, 0, 0
	w.body.reset()
	w.hash.Reset()
	w.append(w.head)
	w.open = true
	return nil
}

// Add appends a chunk. The caller vouches that id is kind.Sum(data); deps are
// the ids that a node depends on, none for data. Neither slice is kept. Add
// blocks while as many frames as there are workers wait for compression. After
// an error the pack is as it was before.
func (w *Writer) Add(id chunker.ID, kind chunker.Kind, data []byte, deps []chunker.ID) error {
	size := entrySize(kind, len(data), len(deps))
	switch {
	case !w.open:
		return ErrSpent
	case !kind.Valid() || !w.o.Class.Holds(kind):
		return fmt.Errorf("add chunk %v: %v does not belong into a pack of class %v", id, kind, w.o.Class)
	case len(data) == 0 || len(data) > ChunkMax:
		return fmt.Errorf("add chunk %v: %d bytes, want 1 to %d", id, len(data), ChunkMax)
	case len(deps) > 0 && !kind.IsNode():
		return fmt.Errorf("add chunk %v: data with dependencies", id)
	case w.blockSize()+frameRowSize+size > IndexMax:
		return fmt.Errorf("add chunk %v: %w", id, ErrFull)
	}
	if w.cur != nil && len(w.cur.raw)+len(data) > w.o.FrameSize {
		w.closeFrame()
	}
	if w.cur == nil {
		w.cur = w.comp.take(w.collect)
	}
	e := Entry{ID: id, Kind: kind, Frame: uint32(w.frames), Offset: uint32(len(w.cur.raw)), Length: uint32(len(data))}
	if len(deps) > 0 {
		e.Deps = w.deps.take(len(deps))
		for i := range deps {
			e.Deps[i] = PrefixOf(deps[i])
		}
	}
	w.index.Entries = append(w.index.Entries, e)
	w.cur.raw = append(w.cur.raw, data...)
	w.cur.frame.Entries++
	w.entries += size
	w.raw += int64(len(data))
	if len(w.cur.raw) >= w.o.FrameSize {
		w.closeFrame()
	}
	return nil
}

// Len is the number of chunks added.
func (w *Writer) Len() int { return len(w.index.Entries) }

// RawBytes is the sum of their lengths.
func (w *Writer) RawBytes() int64 { return w.raw }

// Size is how large the object would be at most if it were sealed now, in
// bytes: what has been compressed, as it is; what has not, as if it did not
// shrink. It depends on the Adds and on Workers only, never on timing.
func (w *Writer) Size() int64 {
	size := w.body.size
	if w.open {
		size += w.comp.queued + int64(w.blockSize()) + TrailerSize
	}
	if w.cur != nil {
		size += int64(len(w.cur.raw))
	}
	return size
}

// blockSize is the length of the index block if the pack were sealed now.
func (w *Writer) blockSize() int {
	frames := w.frames
	if w.cur != nil {
		frames++
	}
	return blockHeadSize + frames*frameRowSize + w.entries + extensionsNone
}

func (w *Writer) closeFrame() {
	w.comp.submit(w.cur)
	w.cur = nil
	w.frames++
}

// collect takes the next frame in order from the compressor.
func (w *Writer) collect(f Frame, stored []byte) {
	f.Offset = w.body.size
	w.index.Frames = append(w.index.Frames, f)
	w.append(stored)
}

func (w *Writer) append(b []byte) {
	w.body.append(b)
	w.hash.Write(b)
}

// Seal ends the pack and names it. The Writer is spent until Reset.
func (w *Writer) Seal() (*Sealed, error) {
	switch {
	case !w.open:
		return nil, ErrSpent
	case w.Len() == 0:
		return nil, ErrEmpty
	}
	if w.cur != nil {
		w.closeFrame()
	}
	w.comp.drain(w.collect)
	w.open = false
	w.sizeHint = w.Len()

	x := w.index
	t := trailer{indexOffset: w.body.size}
	block := x.appendBlock(nil)
	t.indexLength, t.digest = len(block), digest(w.head, block)
	w.append(block)
	w.append(t.append(nil))
	x.Size = w.body.size
	w.hash.Sum(x.ID[:0])
	return &Sealed{Index: x, body: &w.body}, nil
}

// Abort gives up what was added since NewWriter or Reset and waits for the
// workers. It does nothing to a pack that has been sealed, so it may stand in
// a defer.
func (w *Writer) Abort() {
	if !w.open {
		return
	}
	w.open = false
	w.comp.drain(func(Frame, []byte) {})
	if w.cur != nil {
		w.comp.release(w.cur)
		w.cur = nil
	}
}
