package packfile

import (
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// DecodePart is Decode, but may leave out what comes after the first n bytes: of
// a zstd frame it decodes no more blocks than it must. The result has at least n
// bytes, or all if there are fewer. It changes the span's bytes while it decodes: nobody
// else may use them at the same time.
func (p Span) DecodePart(f Frame, n int, dst []byte, bases Bases) ([]byte, error) {
	if f.Codec != CodecZstd || n <= 0 || n >= int(f.Raw) {
		return p.Decode(f, dst, bases)
	}
	stored := p.of(f)
	if err := f.verify(stored); err != nil {
		return nil, fmt.Errorf("read pack frame: %w", damaged(p.key, f.Offset, "frame", err))
	}
	if c, ok := f.cutAfter(stored, n); ok {
		if part, ok := c.decode(f, dst, stored); ok {
			return part, nil
		}
	}
	return p.Decode(f, dst, bases)
}

// Of the zstd format (RFC 8878).
const (
	zstdBlockMax    = 128 << 10 // bytes that a block makes; all but a frame's last make so many, from usual encoders
	zstdBlockHeader = 3
)

// frameCut is where a zstd frame can end early.
type frameCut struct {
	content    int // offset of the content size, which takes contentLen bytes
	contentLen int
	last       int // offset of the header of the block that becomes the last
	end        int // offset behind it
	size       int // bytes that the frame makes then, if its blocks are as usual
}

// cutAfter finds the first end of a zstd frame after n bytes, if there is one
// before its own.
func (f Frame) cutAfter(stored []byte, n int) (c frameCut, ok bool) {
	var h zstd.Header
	if h.Decode(stored) != nil || h.HasCheckSum || h.Skippable || h.FrameContentSize != uint64(f.Raw) {
		return c, false
	}
	if c.contentLen = [4]int{0, 0, 4, 8}[stored[4]>>6]; c.contentLen == 0 { // as small ones have it
		return c, false
	}
	c.content, c.end = h.HeaderSize-c.contentLen, h.HeaderSize
	for c.size < n {
		c.last = c.end
		if c.end += zstdBlockHeader; c.end > len(stored) {
			return c, false
		}
		b := stored[c.last:c.end]
		header := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
		if header&1 != 0 { // the last one
			return c, false
		}
		switch size := header >> 3; header >> 1 & 3 {
		case 0: // as they are
			c.end, c.size = c.end+size, c.size+size
		case 1: // one byte again and again
			c.end, c.size = c.end+1, c.size+size
		case 2:
			c.end, c.size = c.end+size, c.size+zstdBlockMax
		default:
			return c, false
		}
	}
	return c, c.end <= len(stored)
}

// decode decodes f as far as the cut: stored says meanwhile that it ends there.
func (c frameCut) decode(f Frame, dst, stored []byte) ([]byte, bool) {
	d, err := getDecoder()
	if err != nil {
		return nil, false
	}
	defer decoders.Put(d)
	content := stored[c.content : c.content+c.contentLen]
	var was [8]byte
	copy(was[:], content)
	stored[c.last] |= 1
	binary.LittleEndian.PutUint32(content, uint32(c.size)) // of eight bytes, the others are 0 already
	defer func() {
		stored[c.last] &^= 1
		copy(content, was[:])
	}()
	short := f
	short.Raw = uint32(c.size)
	part, err := short.unzstd(withRoom(dst, int(f.Raw)), stored[:c.end], d)
	return part, err == nil
}
