//go:build !purego

package chunker

import (
	"math/bits"

	"golang.org/x/sys/cpu"
)

// hasAVX512 says that this machine runs findBlocks: Intel from Ice Lake on,
// AMD from Zen 4 on.
var hasAVX512 = cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VBMI

var fastest = func() search {
	if hasAVX512 {
		return findAVX512
	}
	return findPlain
}()

const (
	laneBits = 16          // what a lane of findBlocks holds of a fingerprint
	segLen   = 16          // bytes that one lane goes through
	blockLen = 32 * segLen // bytes that 32 lanes go through
	copyMin  = 4 * segLen  // a shorter rest is not worth a block
	seams    = 0x01010101  // see segments
	gather   = 1<<28 + 1<<21 + 1<<14 + 1<<7
)

// planes are the low 16 bits of gear, shifted left by 0 to 14: first the low
// bytes, then the high bytes. With a shift of 16-width, a fingerprint's 16
// bits are zero if and only if the low width bits of the true one are.
var planes = func() (p [laneBits - 1][2 * 256]byte) {
	for shift := range p {
		for b, g := range gear {
			w := uint16(g) << shift
			p[shift][b], p[shift][256+b] = byte(w), byte(w>>8)
		}
	}
	return p
}()

// findBlocks looks for segments of 16 bytes with a fingerprint that is zero in
// its 16 bits. It reads blocks·512 bytes from data on, at least one block.
// carry is the fingerprint before data. It returns the first block with a hit
// and the lanes that have hits there, or lanes 0. Lane 8q+r is segment 4r+q.
//
//go:noescape
func findBlocks(data *byte, blocks int, planes *[2 * 256]byte, carry uint16) (block int, lanes uint32)

// findAVX512 is the search by findBlocks, which says in what 16 bytes to look.
// If width is above 16, one segment in 4,096 is looked at in vain.
func findAVX512(data []byte, base, from, to int, width uint) int {
	shift := laneBits - min(width, laneBits)
	for from < to {
		var (
			block  int
			lanes  uint32
			carry  = uint16(hash(data, base, from, laneBits) << shift)
			blocks = min((to-from+blockLen-1)/blockLen, (len(data)-from)/blockLen)
		)
		switch {
		case blocks > 0: // the last may reach beyond to, not beyond data
			block, lanes = findBlocks(&data[from], blocks, &planes[shift], carry)
		case to-from < copyMin:
			return findOne(data, base, from, to, width)
		default:
			var rest [blockLen]byte
			copy(rest[:], data[from:to])
			blocks = 1
			_, lanes = findBlocks(&rest[0], blocks, &planes[shift], carry)
		}
		if lanes == 0 {
			from += blocks * blockLen
			continue
		}
		from += block * blockLen
		if i := findInSegments(data, base, from, to, width, lanes); i < to {
			return i
		}
		from += blockLen
	}
	return to
}

// findInSegments is the search in those segments of the block at from that
// lanes names, or to.
func findInSegments(data []byte, base, from, to int, width uint, lanes uint32) int {
	for s := segments(lanes); s != 0; s &= s - 1 {
		lo := from + bits.TrailingZeros32(s)*segLen
		if lo >= to {
			break
		}
		hi := min(lo+segLen, to)
		if i := findOne(data, base, lo, hi, width); i < hi {
			return i
		}
	}
	return to
}

// segments brings lanes into the order of the data: bit 8q+r becomes bit 4r+q.
// The product moves bits 0, 8, 16 and 24 to 28, 29, 30 and 31, and no others
// there.
func segments(lanes uint32) (s uint32) {
	for r := range 8 {
		s |= ((lanes >> r & seams) * gather >> 28) << (4 * r)
	}
	return s
}
