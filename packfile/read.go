package packfile

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/artifortress/afs-engine/backends"
)

// tailSize is how much of an object's end is read at first, in bytes. The
// index block of a 64 MiB pack of 16 KiB chunks takes about 160 KiB.
const tailSize = 256 << 10

// ReadIndex reads what the pack id holds; size is the object's length in
// bytes, below 0 if it is not known. It takes one ranged read of the object's
// end (a second if the index block is larger than that) and one of its header,
// and checks both and the index block. It does not check the frames, nor that
// the object as a whole matches id: Scan does. Errors are *CorruptError,
// ErrUnknown, or the store's.
func ReadIndex(ctx context.Context, s backends.Store, id ID, size int64) (*Index, error) {
	_, x, err := readIndex(ctx, s, id, size)
	if err != nil {
		return nil, fmt.Errorf("read pack index: %w", err)
	}
	return x, nil
}

func readIndex(ctx context.Context, s backends.Store, id ID, size int64) (*parts, *Index, error) {
	p, err := readParts(ctx, s, id, size)
	if err != nil {
		return nil, nil, err
	}
	if p.trailerErr != nil {
		return nil, nil, damaged(Key(id), p.size-TrailerSize, "trailer", p.trailerErr)
	}
	x, err := parseParts(id, p.size, p.header, p.block, p.trailer)
	return p, x, err
}

// parts are the bytes of an object that are not frames, unchecked but for
// where they stand.
type parts struct {
	size       int64
	header     []byte
	block      []byte
	end        []byte // the trailer's bytes
	trailer    trailer
	trailerErr error // what is wrong with the trailer, although it says where the block is
}

func readParts(ctx context.Context, s backends.Store, id ID, size int64) (*parts, error) {
	key := Key(id)
	if size < 0 {
		info, err := s.Stat(ctx, key)
		if err != nil {
			return nil, err
		}
		size = info.Size
	}
	if size <= overhead {
		return nil, &CorruptError{Object: key, Offset: -1, Reason: fmt.Sprintf("%d bytes are too few for a pack", size)}
	}
	start := max(0, size-tailSize)
	tail, err := readRange(ctx, s, key, start, size-start)
	if err != nil {
		return nil, err
	}
	p := &parts{size: size, end: tail[len(tail)-TrailerSize:]}
	p.trailer, p.trailerErr = parseTrailer(p.end, size)
	if !p.trailer.fits(size) {
		return nil, damaged(key, size-TrailerSize, "trailer", p.trailerErr)
	}
	from := p.trailer.indexOffset
	if from < start {
		front, err := readRange(ctx, s, key, from, start-from)
		if err != nil {
			return nil, err
		}
		p.block = append(front, tail[:len(tail)-TrailerSize]...)
	} else {
		p.block = tail[from-start : len(tail)-TrailerSize]
	}
	if start == 0 {
		p.header = tail[:HeaderSize]
		return p, nil
	}
	p.header, err = readRange(ctx, s, key, 0, HeaderSize)
	return p, err
}

// readRange reads n bytes. A pack that is shorter than what is known about it
// has been cut short.
func readRange(ctx context.Context, s backends.Store, key string, off, n int64) ([]byte, error) {
	b, err := backends.ReadAll(ctx, s, key, off, n, n)
	return b, shortened(key, off, err)
}

func shortened(key string, off int64, err error) error {
	if errors.Is(err, backends.ErrRange) {
		return &CorruptError{Object: key, Offset: off, Reason: "object is shorter than it was", Err: err}
	}
	return err
}

// storedBuffers are *[]byte that held stored frames.
var storedBuffers sync.Pool

// ReadFrame reads and decodes the frame f of the pack id: one ranged read. The
// result is the caller's; it is written over dst's array if that is large enough,
// else over a new one. bases is for delta frames. Errors are *CorruptError,
// ErrUnknown, those of bases, or the store's; chunks in the frame are not checked
// against their ids.
func ReadFrame(ctx context.Context, s backends.Store, id ID, f Frame, dst []byte, bases Bases) ([]byte, error) {
	if f.Codec == CodecRaw {
		p, err := ReadSpan(ctx, s, id, []Frame{f}, dst)
		if err != nil {
			return nil, err
		}
		return p.Decode(f, nil, nil)
	}
	buf, _ := storedBuffers.Get().(*[]byte)
	if buf == nil {
		buf = new([]byte)
	}
	defer storedBuffers.Put(buf)
	p, err := ReadSpan(ctx, s, id, []Frame{f}, *buf)
	if err != nil {
		return nil, err
	}
	*buf = p.Stored()
	return p.Decode(f, dst, bases)
}

// ReadDelta reads what the delta frame f of the pack id says about its bases: one
// ranged read. Errors are as from ReadFrame.
func ReadDelta(ctx context.Context, s backends.Store, id ID, f Frame) (*Delta, error) {
	p, err := ReadSpan(ctx, s, id, []Frame{f}, nil)
	if err != nil {
		return nil, err
	}
	return p.Delta(f)
}
