package packfile

import (
	"encoding/binary"

	"github.com/klauspost/compress/zstd"

	"github.com/artifortress/afs-engine/chunker"
)

// Base is a stored chunk that a new one resembles.
type Base struct {
	ID    chunker.ID
	Data  []byte
	Frame uint64 // tells frames that bases are read from apart
}

// delta is what a frame under way refers to. Its buffers are used again.
type delta struct {
	bases  []chunker.ID
	index  map[chunker.ID]int // of bases
	dict   []byte             // their bytes, joined
	frames []uint64           // where they are read from
	own    []ownBases
	packed []byte
	out    sliceWriter
}

func (d *delta) reset() {
	clear(d.index)
	d.bases, d.dict, d.frames, d.own = d.bases[:0], d.dict[:0], d.frames[:0], d.own[:0]
}

// fits reports whether a chunk with these bases may go into the frame.
func (d *delta) fits(bases []Base) bool {
	count, bytes, frames := len(d.bases), len(d.dict), d.frames
	for _, b := range bases {
		if _, ok := d.index[b.ID]; ok {
			continue
		}
		count, bytes = count+1, bytes+len(b.Data)
		frames = withFrame(frames, b.Frame)
	}
	return count <= BasesMax && bytes <= DictMax && len(frames) <= BaseFramesMax
}

func withFrame(frames []uint64, f uint64) []uint64 {
	for _, have := range frames {
		if have == f {
			return frames
		}
	}
	return append(frames[:len(frames):len(frames)], f)
}

// add notes what the next chunk of the frame resembles.
func (d *delta) add(length int, bases []Base) {
	if d.index == nil {
		d.index = map[chunker.ID]int{}
	}
	first, last := BasesMax, 0
	for _, b := range bases {
		i, ok := d.index[b.ID]
		if !ok {
			i = len(d.bases)
			d.index[b.ID] = i
			d.bases = append(d.bases, b.ID)
			d.dict = append(d.dict, b.Data...)
			d.frames = withFrame(d.frames, b.Frame)
		}
		first, last = min(first, i), max(last, i)
	}
	d.own = append(d.own, ownBases{length: uint32(length), first: uint32(first), count: uint32(last - first + 1)})
}

// encode makes the frame's stored bytes.
func (d *delta) encode(e *zstd.Encoder, j *job) error {
	b := binary.AppendUvarint(d.packed[:0], uint64(len(d.bases)))
	for _, id := range d.bases {
		b = append(b, id[:]...)
	}
	for _, o := range d.own {
		b = binary.AppendUvarint(b, uint64(o.length))
		b = binary.AppendUvarint(b, uint64(o.first))
		b = binary.AppendUvarint(b, uint64(o.count))
	}
	// EncodeAll would load the dictionary once more, into another encoder.
	d.out = sliceWriter(b)
	if err := e.ResetWithOptions(nil, zstd.WithEncoderDictRaw(0, d.dict)); err != nil {
		return err
	}
	e.ResetContentSize(&d.out, int64(len(j.raw)))
	_, err := e.Write(j.raw)
	if err == nil {
		err = e.Close()
	}
	d.packed = d.out
	return err
}

type sliceWriter []byte

func (w *sliceWriter) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

// AddDelta is Add for data that resembles bases, which are stored elsewhere: in
// packs that will be there as long as this one. They are not kept. If the bases
// are too many or too large, the chunk is added as by Add, or by AddText if text is
// set; deltas that do not help are none.
func (w *Writer) AddDelta(id chunker.ID, data []byte, text bool, bases []Base) error {
	var none delta
	size := w.deltaSize()
	if len(bases) == 0 || len(data) > size || w.o.Class != ClassData || w.deltas >= extensionsMax || !none.fits(bases) {
		if text {
			return w.AddText(id, data)
		}
		return w.Add(id, chunker.Data, data, nil)
	}
	if err := w.check(id, chunker.Data, data, nil, deltaExtensionMax); err != nil {
		return err
	}
	if j := w.open[laneDelta]; j != nil && (len(j.raw)+len(data) > size || !j.delta.fits(bases)) {
		w.closeFrame(laneDelta)
	}
	j := w.open[laneDelta]
	if j == nil {
		j = w.comp.take(laneDelta, w.collect)
		w.open[laneDelta] = j
		w.deltas++
		w.extensions += deltaExtensionMin
	}
	had := len(j.delta.bases)
	j.delta.add(len(data), bases)
	w.extensions += (len(j.delta.bases) - had) * depPrefixSize
	w.addTo(laneDelta, size, id, chunker.Data, data, nil)
	return nil
}

// deltaLevelMax is the highest level of deltas. The encoders of the next one have
// tables that it takes longer to fill from a dictionary than to encode a frame.
const deltaLevelMax = zstd.SpeedDefault

// deltaSize is what a delta frame is filled up to: half of another, because who
// reads one reads what it refers to as well.
func (w *Writer) deltaSize() int { return min(DeltaMax, max(w.o.FrameSize/2, 1)) }

// What a delta frame takes in the index block besides its row, in bytes.
const (
	deltaExtensionMin = 1 + 2 // tag and length
	deltaExtensionMax = deltaExtensionMin + BasesMax*depPrefixSize
	extensionsMax     = 1<<16 - 1 // as many as a row can name
)
