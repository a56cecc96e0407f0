package packfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/artifortress/afs-engine/packfile/wire"
)

// HeaderSize is the length of a pack's header in bytes, and so the offset of
// its first frame.
const HeaderSize = 64

const (
	headerMagic = "AFSPACK\x01"
	version     = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// header is the first 64 bytes of a pack:
//
//	 0  8   magic "AFSPACK\x01"
//	 8  2   u16 version, 1
//	10  2   u16 length of this header, 64
//	12  1   u8  class: 1 data, 2 metadata
//	13  3   zero
//	16  16  nonce, random: makes the pack's id unique
//	32  4   u32 dedup domain
//	36  4   u32 compatible flags: who does not know one may ignore it
//	40  4   u32 read-only compatible flags: … may read the pack, but not rewrite it
//	44  4   u32 incompatible flags: … must not read the pack
//	48  12  zero; will name an encryption key
//	60  4   u32 CRC-32C of bytes 0–59
//
// Magic, version and checksum stand where they are in every version, so that a
// damaged header is told from a newer one. Whoever gives meaning to a byte
// that is zero here raises the version or sets an incompatible flag; therefore
// readers refuse other values.
type header struct {
	class    Class
	nonce    [16]byte
	domain   uint32
	compat   uint32
	roCompat uint32
}

func (h header) append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, headerMagic...)
	dst = binary.LittleEndian.AppendUint16(dst, version)
	dst = binary.LittleEndian.AppendUint16(dst, HeaderSize)
	dst = append(dst, byte(h.class), 0, 0, 0)
	dst = append(dst, h.nonce[:]...)
	dst = binary.LittleEndian.AppendUint32(dst, h.domain)
	dst = binary.LittleEndian.AppendUint32(dst, h.compat)
	dst = binary.LittleEndian.AppendUint32(dst, h.roCompat)
	dst = binary.LittleEndian.AppendUint32(dst, 0) // incompatible flags: none exist yet
	dst = append(dst, make([]byte, 12)...)
	return binary.LittleEndian.AppendUint32(dst, checksum(dst[start:]))
}

// parseHeader returns no field of a header that is damaged.
func parseHeader(b []byte) (h header, err error) {
	if len(b) != HeaderSize || string(b[:8]) != headerMagic {
		return h, fmt.Errorf("%w: no pack header", wire.ErrMalformed)
	}
	if binary.LittleEndian.Uint32(b[60:]) != checksum(b[:60]) {
		return h, errChecksum
	}
	r := wire.NewReader(b[8:])
	if v := r.U16(); v != version {
		return h, fmt.Errorf("%w: version %d", ErrUnknown, v)
	}
	length := r.U16()
	h.class = Class(r.U8())
	reserved := [][]byte{r.Bytes(3)}
	copy(h.nonce[:], r.Bytes(16))
	h.domain, h.compat, h.roCompat = r.U32(), r.U32(), r.U32()
	incompat := r.U32()
	reserved = append(reserved, r.Bytes(12))
	switch {
	case length != HeaderSize:
		return h, fmt.Errorf("%w: header of %d bytes", ErrUnknown, length)
	case incompat != 0:
		return h, fmt.Errorf("%w: incompatible flags %#x", ErrUnknown, incompat)
	case !h.class.Valid():
		return h, fmt.Errorf("%w: class %d", ErrUnknown, h.class)
	case !allZero(reserved...):
		return h, fmt.Errorf("%w: reserved header bytes are in use", ErrUnknown)
	}
	return h, nil
}

func allZero(parts ...[]byte) bool {
	for _, b := range parts {
		if len(bytes.Trim(b, "\x00")) != 0 {
			return false
		}
	}
	return true
}
