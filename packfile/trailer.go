package packfile

import (
	"encoding/binary"
	"fmt"

	"github.com/zeebo/blake3"

	"github.com/artifortress/afs-engine/packfile/wire"
)

// TrailerSize is the length of a pack's trailer in bytes.
const TrailerSize = 64

const trailerMagic = "AFSPEND\x01"

var errChecksum = fmt.Errorf("%w: checksum does not match", wire.ErrMalformed)

// trailer is the last 64 bytes of a pack:
//
//	 0  8   u64 offset of the index block in the object
//	 8  4   u32 its length
//	12  4   zero
//	16  32  BLAKE3-256 of header ‖ index block
//	48  4   zero
//	52  4   u32 CRC-32C of bytes 0–51
//	56  8   magic "AFSPEND\x01"
//
// The digest lets a reader trust the index block, and with it all that is said
// about the frames, without reading the frames.
type trailer struct {
	indexOffset int64
	indexLength int
	digest      [32]byte
}

func (t trailer) append(dst []byte) []byte {
	start := len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(t.indexOffset))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(t.indexLength))
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	dst = append(dst, t.digest[:]...)
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	dst = binary.LittleEndian.AppendUint32(dst, checksum(dst[start:]))
	return append(dst, trailerMagic...)
}

// parseTrailer reads the trailer of an object of size bytes. With an error it
// still returns the fields, if their places make sense (see fits).
func parseTrailer(b []byte, size int64) (t trailer, err error) {
	if len(b) != TrailerSize {
		return t, fmt.Errorf("%w: %d bytes", wire.ErrMalformed, len(b))
	}
	r := wire.NewReader(b)
	offset, length, reserved := r.U64(), r.U32(), r.U32()
	copy(t.digest[:], r.Bytes(32))
	reserved |= r.U32()
	if offset <= uint64(size) && length <= IndexMax {
		t.indexOffset, t.indexLength = int64(offset), int(length)
	}
	switch sum := r.U32(); {
	case string(b[56:]) != trailerMagic:
		return t, fmt.Errorf("%w: no pack trailer: the object is cut short, or no pack", wire.ErrMalformed)
	case sum != checksum(b[:52]):
		return t, errChecksum
	case reserved != 0:
		return t, fmt.Errorf("%w: reserved trailer bytes are in use", ErrUnknown)
	case !t.fits(size):
		return t, fmt.Errorf("%w: index block of %d bytes at %d in an object of %d", wire.ErrMalformed, length, offset, size)
	}
	return t, nil
}

// fits reports whether the index block lies where it must: right before the
// trailer, and behind at least one frame.
func (t trailer) fits(size int64) bool {
	return size > overhead && t.indexOffset > HeaderSize && t.indexLength > 0 && t.indexLength <= IndexMax &&
		t.indexOffset+int64(t.indexLength)+TrailerSize == size
}

func digest(header, block []byte) (d [32]byte) {
	h := blake3.New()
	h.Write(header)
	h.Write(block)
	h.Sum(d[:0])
	return d
}
