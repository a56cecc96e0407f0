package packfile

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/artifortress/afs-engine/packfile/wire"
	"github.com/artifortress/afs-engine/packfile/zstdenc"
)

// Codec says how a frame's bytes are stored. The numbers are wire format.
type Codec uint8

// The codecs.
const (
	CodecRaw   Codec = 0 // as they are
	CodecZstd  Codec = 1 // one zstd frame (RFC 8878) that states its content size and has no dictionary
	CodecDelta Codec = 2 // a delta against chunks that are stored elsewhere, see delta.go
)

// String is the codec in one word.
func (c Codec) String() string {
	switch c {
	case CodecRaw:
		return "raw"
	case CodecZstd:
		return "zstd"
	case CodecDelta:
		return "delta"
	}
	return fmt.Sprintf("codec %d", uint8(c))
}

// Frame is a row of a pack's frame table: consecutive chunks, compressed as
// one unit.
type Frame struct {
	Offset    int64  // in the object, bytes
	Stored    uint32 // length in the object, bytes
	Raw       uint32 // length once decoded, bytes
	CRC       uint32 // CRC-32C of the stored bytes
	Entries   uint32 // chunks in it
	Codec     Codec
	Extension uint16 // 0: none; else 1 + index into Index.Extensions
}

// check tests what a row says by itself. A codec that this version does not
// know is let pass here: the pack's other frames are still readable.
func (f Frame) check() error {
	switch {
	case f.Raw == 0 || f.Raw > FrameMax || f.Stored == 0 || f.Stored > FrameMax:
		return fmt.Errorf("%w: %d bytes stored as %d", wire.ErrMalformed, f.Raw, f.Stored)
	case f.Codec == CodecRaw && f.Stored != f.Raw, (f.Codec == CodecZstd || f.Codec == CodecDelta) && f.Stored >= f.Raw:
		return fmt.Errorf("%w: %d bytes stored as %d with codec %v", wire.ErrMalformed, f.Raw, f.Stored, f.Codec)
	case f.Entries == 0 || f.Entries > f.Raw:
		return fmt.Errorf("%w: %d bytes hold %d chunks", wire.ErrMalformed, f.Raw, f.Entries)
	}
	return nil
}

// decodeSlack is room behind the decoded bytes that lets the zstd decoder copy
// in wide steps.
const decodeSlack = 16

// Decode returns the frame's plain bytes from its stored ones, which it checks
// against the frame's lengths and CRC first. The result is written over dst's
// array if that is large enough, else over a new one of little more than Raw
// bytes; it never aliases stored. bases reads what a delta frame refers to; nil:
// it fails with ErrNoBases. Errors wrap wire.ErrMalformed or ErrUnknown, or are
// those of bases. Safe for concurrent use. The chunks in it are not checked
// against their ids.
func (f Frame) Decode(dst, stored []byte, bases Bases) ([]byte, error) {
	if err := f.verify(stored); err != nil {
		return nil, err
	}
	switch f.Codec {
	case CodecRaw:
		return append(dst[:0], stored...), nil
	case CodecZstd:
		d, err := getDecoder()
		if err != nil {
			return nil, err
		}
		defer decoders.Put(d)
		return f.unzstd(dst, stored, d)
	case CodecDelta:
		return f.undelta(dst, stored, bases)
	}
	return nil, fmt.Errorf("%w: frame with %v", ErrUnknown, f.Codec)
}

func (f Frame) verify(stored []byte) error {
	if err := f.check(); err != nil {
		return err
	}
	if len(stored) != int(f.Stored) {
		return fmt.Errorf("%w: frame has %d bytes, want %d", wire.ErrMalformed, len(stored), f.Stored)
	}
	if checksum(stored) != f.CRC {
		return errChecksum
	}
	return nil
}

func (f Frame) unzstd(dst, stored []byte, d *zstd.Decoder) ([]byte, error) {
	// The content size is compared before anything is allocated.
	var h zstd.Header
	if err := h.Decode(stored); err != nil {
		return nil, fmt.Errorf("%w: zstd frame: %w", wire.ErrMalformed, err)
	}
	if !h.HasFCS || h.FrameContentSize != uint64(f.Raw) || h.DictionaryID != 0 {
		return nil, fmt.Errorf("%w: zstd frame is not of %d bytes", wire.ErrMalformed, f.Raw)
	}
	dst = withRoom(dst, int(f.Raw))
	out, err := d.DecodeAll(stored, dst[:0:min(cap(dst), int(f.Raw)+decodeSlack)])
	if err == nil && len(out) != int(f.Raw) {
		err = errors.New("wrong length")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: zstd frame: %w", wire.ErrMalformed, err)
	}
	return dst[:len(out)], nil // the same array, with all of its room
}

// withRoom is dst, or a new array, for n bytes decoded.
func withRoom(dst []byte, n int) []byte {
	if cap(dst) < n {
		return make([]byte, 0, n+decodeSlack)
	}
	return dst
}

// decoders are idle, single-threaded and without state between calls.
var decoders sync.Pool // *zstd.Decoder

func getDecoder() (*zstd.Decoder, error) {
	if d, ok := decoders.Get().(*zstd.Decoder); ok {
		return d, nil
	}
	return newDecoder()
}

// deltaDecoders are idle too. What they decoded with last is overwritten before
// they decode again.
var deltaDecoders sync.Pool // *deltaDecoder

type deltaDecoder struct {
	zstd *zstd.Decoder
	dict []byte
}

func getDeltaDecoder() (*deltaDecoder, error) {
	if x, ok := deltaDecoders.Get().(*deltaDecoder); ok {
		return x, nil
	}
	d, err := newDecoder()
	return &deltaDecoder{zstd: d}, err
}

func newDecoder() (*zstd.Decoder, error) {
	return zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecodeAllCapLimit(true), // never grows its output
		zstd.WithDecoderMaxMemory(FrameMax+decodeSlack))
}

// windowMin is how much history an encoder keeps at least; frames larger than
// their encoder's are single chunks larger than this.
const windowMin = 1 << 20

// newEncoder returns an encoder of frames that are filled up to size.
func newEncoder(level zstd.EncoderLevel, size int) (encoder, error) {
	if level == zstd.SpeedFastest {
		return zstdenc.NewEncoder(), nil
	}
	return newLibraryEncoder(level, size)
}

// newLibraryEncoder is newEncoder for those who need what only the library has:
// higher levels, dictionaries.
func newLibraryEncoder(level zstd.EncoderLevel, size int) (*zstd.Encoder, error) {
	window := 1 << bits.Len(uint(max(size, windowMin)-1)) // a power of two
	return zstd.NewWriter(nil,
		zstd.WithEncoderLevel(level),
		zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(window),
		zstd.WithLowerEncoderMem(true),
		zstd.WithSingleSegment(true), // states the content size, always
		zstd.WithEncoderCRC(false))   // the frame's own checksum covers it
}
