package packfile

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/blake3"

	"github.com/artifortress/afs-engine/chunker"
)

// WriterOptions describe a pack to be written. Class is required; for all else
// zero values work.
type WriterOptions struct {
	Class     Class
	Domain    uint32            // dedup domain
	FrameSize int               // raw bytes that a frame is filled up to; 0: DataFrameSize or MetaFrameSize
	Level     zstd.EncoderLevel // 0: DefaultLevel
	TextFrame int               // FrameSize of what is added by AddText; 0: FrameSize
	TextLevel zstd.EncoderLevel // Level of that; 0: Level
	Workers   int               // frames compressed at once, of all Writers with one Compression; 0: GOMAXPROCS
	Queue     int64             // plain bytes of frames that wait for compression before Add does; 0: QueueDefault

	// Compression is shared with other Writers of the same levels, frames and
	// Workers; nil: the Writer has its own.
	Compression *Compression
	Nonce       func() ([16]byte, error) // nil: from crypto/rand
}

// DefaultLevel is the zstd level of WriterOptions. On software artifacts the
// next one saves about 5 % more and takes three times as long, which is what
// bounds an ingest. Frames at this one are encoded by zstdenc.
const DefaultLevel = zstd.SpeedFastest

// QueueDefault is for WriterOptions.Queue.
const QueueDefault = 8 << 20

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
	if o.TextFrame == 0 {
		o.TextFrame = o.FrameSize
	}
	if o.TextLevel == 0 {
		o.TextLevel = o.Level
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Queue == 0 {
		o.Queue = QueueDefault
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
	case o.TextFrame < 1 || o.TextFrame > ChunkMax:
		return fmt.Errorf("pack text frame size %d is outside of 1 to %d bytes", o.TextFrame, ChunkMax)
	case o.Workers < 1:
		return fmt.Errorf("%d pack workers", o.Workers)
	}
	return nil
}

// Errors of a Writer's use.
var (
	ErrSpent     = errors.New("pack writer is spent: it was sealed or aborted")
	ErrFull      = errors.New("pack index is full")
	ErrEmpty     = errors.New("pack has no chunks")
	ErrUnwritten = errors.New("pack could not be written out")
)

// lane is one of the rows of frames that a pack is filled in. Each has a frame
// being filled.
type lane uint8

const (
	laneMain  lane = iota
	laneText       // see AddText
	laneDelta      // see AddDelta
	lanes

	lanePlain = laneDelta // lanes of frames that refer to nothing are below
)

// A Writer puts a pack together, in memory or into an io.Writer. Chunks that are
// added in one way go into frames in the order of their Adds, and frames into the
// object in the order in which they are full, while several of them are compressed
// at once: the same options, nonce and Adds give the same bytes whatever Workers
// is. After Seal or Abort, Reset makes it ready for another pack with the buffers it
// has, and the encoders of its Compression, so that a steady state allocates index
// entries only. Not safe for concurrent use.
type Writer struct {
	o          WriterOptions
	comp       *compressor
	open       [lanes]*job // the frames being filled; nil: none
	body       slabs
	out        io.Writer      // takes the object instead of body; nil: body does
	failed     error          // what out met
	size       int64          // of the object so far
	hash       *blake3.Hasher // of it
	index      *Index
	deps       depSlab
	head       []byte
	frames     int // closed so far, compressed or not
	entries    int // bytes of entries in the index block
	count      int // of entries
	deltas     int // delta frames begun
	extensions int // bytes that they take in the index block at most
	raw        int64
	sizeHint   int  // entries of the pack before
	ready      bool // to be added to
}

// NewWriter returns a Writer of one pack.
func NewWriter(o WriterOptions) (*Writer, error) {
	o.ensureDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Compression == nil {
		var err error
		if o.Compression, err = NewCompression(o); err != nil {
			return nil, err
		}
	}
	w := &Writer{o: o, comp: newCompressor(o.Compression, o.Queue), hash: blake3.New()}
	if err := w.Reset(); err != nil {
		return nil, err
	}
	return w, nil
}

// Reset begins another pack with a new nonce. What was not sealed is given up,
// and the body of what was sealed must not be read any more; its Index stays
// valid.
func (w *Writer) Reset() error { return w.ResetTo(nil) }

// ResetTo is Reset for a pack that out takes as it is made, so that it is never
// whole in memory; nil: nobody does. Once out has failed the pack is lost: Add and
// Seal return ErrUnwritten and the cause.
func (w *Writer) ResetTo(out io.Writer) error {
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
	w.count, w.deltas, w.extensions = 0, 0, 0
	w.body.reset()
	w.out, w.failed, w.size = out, nil, 0
	w.hash.Reset()
	w.append(w.head)
	w.ready = w.failed == nil
	return w.lost()
}

// lost is what out has failed with.
func (w *Writer) lost() error {
	if w.failed == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrUnwritten, w.failed)
}

// Add appends a chunk. The caller vouches that id is kind.Sum(data); deps are
// the ids that a node depends on, none for data. Neither slice is kept. Add
// blocks while as much waits for compression as may. After an error the pack is
// as it was before.
func (w *Writer) Add(id chunker.ID, kind chunker.Kind, data []byte, deps []chunker.ID) error {
	if err := w.check(id, kind, data, deps, 0); err != nil {
		return err
	}
	w.addTo(laneMain, w.o.FrameSize, id, kind, data, deps)
	return nil
}

// AddText is Add for data of text files, which are read from begin to end rather
// than here and there, and resemble each other: it goes into frames of its own.
func (w *Writer) AddText(id chunker.ID, data []byte) error {
	if w.o.Class != ClassData {
		return w.Add(id, chunker.Data, data, nil)
	}
	if err := w.check(id, chunker.Data, data, nil, 0); err != nil {
		return err
	}
	w.addTo(laneText, w.o.TextFrame, id, chunker.Data, data, nil)
	return nil
}

// check refuses a chunk that cannot be added. extension is what it may take in
// the index block besides its entry.
func (w *Writer) check(id chunker.ID, kind chunker.Kind, data []byte, deps []chunker.ID, extension int) error {
	switch {
	case !w.ready:
		return ErrSpent
	case w.failed != nil:
		return w.lost()
	case !kind.Valid() || !w.o.Class.Holds(kind):
		return fmt.Errorf("add chunk %v: %v does not belong into a pack of class %v", id, kind, w.o.Class)
	case len(data) == 0 || len(data) > ChunkMax:
		return fmt.Errorf("add chunk %v: %d bytes, want 1 to %d", id, len(data), ChunkMax)
	case len(deps) > 0 && !kind.IsNode():
		return fmt.Errorf("add chunk %v: data with dependencies", id)
	case w.blockSize()+frameRowSize+entrySize(kind, len(data), len(deps))+extension > IndexMax:
		return fmt.Errorf("add chunk %v: %w", id, ErrFull)
	}
	return nil
}

// addTo puts a chunk into a lane's frame, which is filled up to size.
func (w *Writer) addTo(in lane, size int, id chunker.ID, kind chunker.Kind, data []byte, deps []chunker.ID) {
	if j := w.open[in]; j != nil && len(j.raw)+len(data) > size {
		w.closeFrame(in)
	}
	j := w.open[in]
	if j == nil {
		j = w.comp.take(in, w.collect)
		w.open[in] = j
	}
	e := Entry{ID: id, Kind: kind, Offset: uint32(len(j.raw)), Length: uint32(len(data))}
	if len(deps) > 0 {
		e.Deps = w.deps.take(len(deps))
		for i := range deps {
			e.Deps[i] = PrefixOf(deps[i])
		}
	}
	j.entries = append(j.entries, e)
	if len(j.raw)+len(data) > cap(j.raw) {
		j.raw = slices.Grow(j.raw, max(size-len(j.raw), len(data))) // once, not bit by bit
	}
	j.raw = append(j.raw, data...)
	j.frame.Entries++
	w.count++
	w.entries += entrySize(kind, len(data), len(deps))
	w.raw += int64(len(data))
	if len(j.raw) >= size {
		w.closeFrame(in)
	}
}

// Len is the number of chunks added.
func (w *Writer) Len() int { return w.count }

// RawBytes is the sum of their lengths.
func (w *Writer) RawBytes() int64 { return w.raw }

// Size is how large the object would be at most if it were sealed now, in
// bytes: what has been compressed, as it is; what has not, as if it did not
// shrink. It depends on the Adds and on Workers only, never on timing.
func (w *Writer) Size() int64 {
	size := w.size
	if w.ready {
		size += w.comp.queued + int64(w.blockSize()) + TrailerSize
	}
	for _, j := range w.open {
		if j != nil {
			size += int64(len(j.raw))
		}
	}
	return size
}

// blockSize is the length of the index block if the pack were sealed now, at
// most: delta frames may turn out to be none.
func (w *Writer) blockSize() int {
	frames := w.frames
	for _, j := range w.open {
		if j != nil {
			frames++
		}
	}
	return blockHeadSize + frames*frameRowSize + w.entries + extensionsNone + binary.MaxVarintLen16 + w.extensions
}

// closeFrame has a frame that was being filled compressed, as the next one of the
// pack.
func (w *Writer) closeFrame(in lane) {
	j := w.open[in]
	w.open[in] = nil
	for _, e := range j.entries {
		e.Frame = uint32(w.frames)
		w.index.Entries = append(w.index.Entries, e)
	}
	w.frames++
	w.comp.submit(j)
}

// collect takes the next frame in order from the compressor.
func (w *Writer) collect(j *job) {
	f := j.frame
	f.Offset = w.size
	if f.Codec == CodecDelta {
		e := Extension{Tag: ExtBases, Data: make([]byte, 0, len(j.delta.bases)*depPrefixSize)}
		for _, id := range j.delta.bases {
			e.Data = append(e.Data, id[:depPrefixSize]...)
		}
		w.index.Extensions = append(w.index.Extensions, e)
		f.Extension = uint16(len(w.index.Extensions))
	}
	w.index.Frames = append(w.index.Frames, f)
	w.append(j.stored)
}

func (w *Writer) append(b []byte) {
	w.size += int64(len(b))
	w.hash.Write(b)
	if w.out == nil {
		w.body.append(b)
	} else if w.failed == nil {
		_, w.failed = w.out.Write(b)
	}
}

// Seal ends the pack and names it. The Writer is spent until Reset.
func (w *Writer) Seal() (*Sealed, error) {
	switch {
	case !w.ready:
		return nil, ErrSpent
	case w.failed != nil:
		return nil, w.lost()
	case w.Len() == 0:
		return nil, ErrEmpty
	}
	for in, j := range w.open {
		if j != nil {
			w.closeFrame(lane(in))
		}
	}
	w.comp.drain(w.collect)
	w.ready = false
	w.sizeHint = w.Len()

	x := w.index
	if err := x.check(); err != nil {
		return nil, fmt.Errorf("seal pack: %w", err)
	}
	t := trailer{indexOffset: w.size}
	block := x.appendBlock(nil)
	t.indexLength, t.digest = len(block), digest(w.head, block)
	w.append(block)
	w.append(t.append(nil))
	if w.failed != nil {
		return nil, w.lost()
	}
	x.Size = w.size
	w.hash.Sum(x.ID[:0])
	s := &Sealed{Index: x}
	if w.out == nil {
		s.body = &w.body
	}
	return s, nil
}

// Abort gives up what was added since NewWriter or Reset and waits for the
// workers. It does nothing to a pack that has been sealed, so it may stand in
// a defer.
func (w *Writer) Abort() {
	if !w.ready {
		return
	}
	w.ready = false
	w.comp.drain(func(*job) {})
	for _, j := range w.open {
		if j != nil {
			w.comp.release(j)
		}
	}
	w.open = [lanes]*job{}
}
