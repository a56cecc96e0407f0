package bloom

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// A part's encoding, numbers little-endian:
//
//	offset  size  field
//	0       4     CRC-32C of what follows
//	4       4     keys
//	8       64 n  blocks, each of eight 8-byte words; none if there are no keys
const headerLen = 8

// ErrMalformed is wrapped by the errors of SetPart.
var ErrMalformed = errors.New("a damaged part of a filter")

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// AppendPart appends part n as SetPart takes it. So many of its keys are not
// counted in it: those that whoever sets the part is going to add once more.
func (f *Filter) AppendPart(dst []byte, n, uncounted int) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, headerLen)...)
	if p := f.parts[n].Load(); p != nil {
		binary.LittleEndian.PutUint32(dst[start+4:], uint32(min(max(p.keys-uncounted, 0), math.MaxUint32)))
		for _, w := range p.words {
			dst = binary.LittleEndian.AppendUint64(dst, w)
		}
	}
	binary.LittleEndian.PutUint32(dst[start:], checksum(dst[start+4:]))
	return dst
}

// SetPart makes part n what AppendPart has written. It keeps nothing of b.
func (f *Filter) SetPart(n int, b []byte) error {
	if len(b) < headerLen || (len(b)-headerLen)%(8*blockWords) != 0 {
		return fmt.Errorf("%w: part %d has %d bytes", ErrMalformed, n, len(b))
	}
	if n < 0 || n >= Parts {
		return fmt.Errorf("%w: part %d", ErrMalformed, n)
	}
	if binary.LittleEndian.Uint32(b) != checksum(b[4:]) {
		return fmt.Errorf("%w: part %d does not match its checksum", ErrMalformed, n)
	}
	p := &part{keys: int(binary.LittleEndian.Uint32(b[4:]))}
	if b = b[headerLen:]; len(b) == 0 {
		if p.keys > 0 {
			return fmt.Errorf("%w: part %d has keys and no blocks", ErrMalformed, n)
		}
		f.publish(n, nil)
		return nil
	}
	p.words = make([]uint64, len(b)/8)
	for i := range p.words {
		p.words[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	f.publish(n, p)
	return nil
}
