package packfile

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// Span is the stored bytes of one or more frames of a pack, and of what may
// lie between them.
type Span struct {
	key    string
	offset int64
	stored []byte
}

// ReadSpan reads frames of the pack id, which are in order of Offset, from the
// first one's beginning to the last one's end: one ranged read. The bytes are
// written over buf's array if that is large enough, and are the span's as long
// as it is in use; Stored gives them back. Nothing is checked but that the
// lengths are possible: Decode does that, so that one bad frame costs no other.
func ReadSpan(ctx context.Context, s backends.Store, id ID, frames []Frame, buf []byte) (Span, error) {
	p := Span{key: Key(id), offset: frames[0].Offset}
	length, err := spanLength(p.key, frames)
	if err == nil {
		p.stored = slices.Grow(buf[:0], int(length))[:length]
		err = p.read(ctx, s)
	}
	if err != nil {
		return p, fmt.Errorf("read pack frame: %w", err)
	}
	return p, nil
}

func (p Span) read(ctx context.Context, s backends.Store) error {
	r, err := s.Get(ctx, p.key, p.offset, int64(len(p.stored)))
	if err != nil {
		return shortened(p.key, p.offset, err)
	}
	defer r.Close()
	_, err = io.ReadFull(r, p.stored)
	return err
}

// SpanMax is the most bytes that one span may have.
const SpanMax = 2 * FrameMax

// spanLength is how long the span is, checked before it is believed.
func spanLength(key string, frames []Frame) (int64, error) {
	start := frames[0].Offset
	end := max(start, 0)
	for _, f := range frames {
		err := f.check()
		if err == nil && (f.Offset < end || f.Offset > math.MaxInt64-SpanMax || f.Offset-start > SpanMax-int64(f.Stored)) {
			err = fmt.Errorf("%w: it is not in the %d bytes from %d, or before %d", wire.ErrMalformed, int64(SpanMax), start, end)
		}
		if err != nil {
			return 0, damaged(key, f.Offset, "frame", err)
		}
		end = f.Offset + int64(f.Stored)
	}
	return end - start, nil
}

// Decode returns the plain bytes of f, one of the frames that were read. They
// are written over dst's array if that is large enough, else over a new one;
// those of a frame that is stored raw are the span's own. bases is for delta
// frames. Errors are *CorruptError, ErrUnknown, or those of bases. Chunks are not
// checked against their ids. Safe for concurrent use, with different dst.
func (p Span) Decode(f Frame, dst []byte, bases Bases) ([]byte, error) {
	stored := p.of(f)
	var err error
	if f.Codec == CodecRaw {
		dst, err = stored, f.verify(stored)
	} else {
		dst, err = f.Decode(dst, stored, bases)
	}
	if err != nil {
		return nil, fmt.Errorf("read pack frame: %w", damaged(p.key, f.Offset, "frame", err))
	}
	return dst, nil
}

// Delta reads what f, one of the frames that were read, says about its bases.
// Errors are as from Decode, of a frame that is no delta too.
func (p Span) Delta(f Frame) (*Delta, error) {
	d, err := f.Delta(p.of(f))
	if err != nil {
		return nil, fmt.Errorf("read pack frame: %w", damaged(p.key, f.Offset, "frame", err))
	}
	return d, nil
}

// of is the stored bytes of f.
func (p Span) of(f Frame) []byte {
	at := f.Offset - p.offset
	return p.stored[at : at+int64(f.Stored) : at+int64(f.Stored)]
}

// Stored is the array that the span was read into, to be used again when
// nothing of it is in use any more.
func (p Span) Stored() []byte { return p.stored }
