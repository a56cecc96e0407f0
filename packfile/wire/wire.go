// Package wire reads and writes the small pieces that every durable format of
// the engine is made of: little-endian integers, minimal varints, counted
// bytes and ids.
//
// A Reader is a cursor over bytes that nobody vouches for. Its first error
// sticks, later reads return zero values, and no length or count that the
// bytes claim makes it allocate more than the bytes could hold.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/artifortress/afs-engine/chunker"
)

// ErrMalformed is wrapped by every decoding error.
var ErrMalformed = errors.New("malformed")

// A Reader takes pieces off the front of a byte slice. The zero Reader is
// empty. Slices it returns alias its input.
type Reader struct {
	buf []byte
	pos int
	err error
}

// NewReader reads b, which the caller must not change meanwhile.
func NewReader(b []byte) *Reader { return &Reader{buf: b} }

// Err is the first error met, or nil.
func (r *Reader) Err() error { return r.err }

// Len is how many bytes are left.
func (r *Reader) Len() int { return len(r.buf) - r.pos }

// Pos is how many bytes have been taken.
func (r *Reader) Pos() int { return r.pos }

// Failf records an error of the caller's own at the present position, unless
// there is one already.
func (r *Reader) Failf(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: at byte %d: %s", ErrMalformed, r.pos, fmt.Sprintf(format, args...))
		r.pos = len(r.buf)
	}
}

// Done returns the first error, or an error if bytes are left over.
func (r *Reader) Done() error {
	if r.err == nil && r.Len() != 0 {
		r.Failf("%d bytes left over", r.Len())
	}
	return r.err
}

// Bytes takes n bytes. It returns nil if there are fewer.
func (r *Reader) Bytes(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > r.Len() {
		r.Failf("want %d bytes, %d left", n, r.Len())
		return nil
	}
	b := r.buf[r.pos : r.pos+n : r.pos+n]
	r.pos += n
	return b
}

// U8 takes one byte.
func (r *Reader) U8() uint8 {
	if b := r.Bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// U16 takes a little-endian 16-bit integer.
func (r *Reader) U16() uint16 {
	if b := r.Bytes(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

// U32 takes a little-endian 32-bit integer.
func (r *Reader) U32() uint32 {
	if b := r.Bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// U64 takes a little-endian 64-bit integer.
func (r *Reader) U64() uint64 {
	if b := r.Bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// Uvarint takes an unsigned varint of at most limit. Only the shortest
// encoding of a number is accepted, so that equal values have equal bytes.
func (r *Reader) Uvarint(limit uint64) uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.buf[r.pos:])
	switch {
	case n <= 0:
		r.Failf("bad varint")
		return 0
	case n > 1 && r.buf[r.pos+n-1] == 0:
		r.Failf("varint is not minimal")
		return 0
	case v > limit:
		r.Failf("%d is above the limit of %d", v, limit)
		return 0
	}
	r.pos += n
	return v
}

// Varint takes a zig-zag varint in its shortest encoding.
func (r *Reader) Varint() int64 {
	u := r.Uvarint(1<<64 - 1)
	v := int64(u >> 1)
	if u&1 != 0 {
		v = ^v
	}
	return v
}

// Count takes the number of items that follow, each at least each bytes long,
// so a count that the remaining bytes cannot hold is an error.
func (r *Reader) Count(each int) int {
	return int(r.Uvarint(uint64(r.Len() / max(each, 1))))
}

// Counted takes a varint length of at most limit, and that many bytes.
func (r *Reader) Counted(limit int) []byte {
	return r.Bytes(int(r.Uvarint(uint64(limit))))
}

// ID takes a chunk id.
func (r *Reader) ID() (id chunker.ID) {
	copy(id[:], r.Bytes(chunker.IDSize))
	return id
}

// AppendCounted appends what Counted takes.
func AppendCounted[T ~string | ~[]byte](dst []byte, b T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}
