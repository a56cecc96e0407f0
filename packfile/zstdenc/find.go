package zstdenc

import (
	"encoding/binary"
	"math/bits"
)

const (
	tableBits = 15
	hashPrime = 0xcf1bbcdcb7a56463
	copyMin   = 4  // bytes, of what is found
	patience  = 7  // a step is longer by a 1<<patience-th of the literals so far
	wide      = 32 // bytes read and written at once; lits needs as many more
	margin    = 48 // bytes at a block's end where nothing is looked for, so that wide reads stay in it
)

// A finder finds what of a frame stood in it before. The assembly knows where the
// fields lie.
type finder struct {
	table    [1 << tableBits]uint32 // where each hash of 7 bytes was last seen
	count    [kinds][symbols]uint32 // of the block's codes
	last     offsets
	assembly bool
}

// reset forgets the frame.
func (f *finder) reset() {
	clear(f.table[:])
	f.last = offsets{1, 4, 8}
}

// find makes sequences of the block src[from:], and puts the literals before each
// copy into lits. It returns how many there are of both, and where the last copy
// ends. What is looked for stands anywhere in src before. seqs has room for a
// sequence every copyMin bytes, and lits for the block and wide bytes.
func (f *finder) find(seqs []sequence, lits, src []byte, from int) (sequences, literals, end int) {
	f.count = [kinds][symbols]uint32{}
	if len(src)-from < margin {
		return 0, 0, from
	}
	if f.assembly {
		return findAVX2(f, &seqs[0], &lits[0], &src[0], from, len(src))
	}
	return f.findPlain(seqs, lits, src, from)
}

func (f *finder) findPlain(seqs []sequence, lits, src []byte, from int) (sequences, literals, end int) {
	limit := len(src) - margin
	end = from
	for s := max(from, 1); s <= limit; {
		here, next := f.see(src, s), f.see(src, s+1)
		var begin, offset int
		switch now := binary.LittleEndian.Uint64(src[s:]); {
		case binary.LittleEndian.Uint32(src[s+1-int(f.last[0]):]) == uint32(now>>8):
			begin, offset = s+1, int(f.last[0])
		case binary.LittleEndian.Uint32(src[here:]) == uint32(now):
			begin, offset = s, s-here
		case binary.LittleEndian.Uint32(src[next:]) == uint32(now>>8):
			begin, offset = s+1, s+1-next
		default:
			s += 2 + (s-end)>>patience
			continue
		}
		to := matchEnd(src, begin+copyMin, offset)
		for begin > end && begin > offset && src[begin-1] == src[begin-1-offset] {
			begin--
		}
		literals += copy(lits[literals:], src[end:begin])
		q := &seqs[sequences]
		sequences++
		q.lits, q.match = uint32(begin-end), uint32(to-begin-matchMin)
		q.offset = f.last.code(uint32(offset), begin > end)
		q.setCodes()
		for kind := range f.count {
			f.count[kind][q.code[kind]%symbols]++
		}
		end, s = to, to
		if to <= limit {
			f.see(src, to-2)
		}
	}
	return sequences, literals, end
}

// see returns where the hash at a position was last seen, and notes that it is there.
func (f *finder) see(src []byte, at int) int {
	hash := binary.LittleEndian.Uint64(src[at:]) << 8 * hashPrime >> (64 - tableBits)
	before := f.table[hash]
	f.table[hash] = uint32(at)
	return int(before)
}

// matchEnd returns where the bytes from at on begin to differ from those offset before.
func matchEnd(src []byte, at, offset int) int {
	for ; at+8 <= len(src); at += 8 {
		if x := binary.LittleEndian.Uint64(src[at:]) ^ binary.LittleEndian.Uint64(src[at-offset:]); x != 0 {
			return at + bits.TrailingZeros64(x)/8
		}
	}
	for at < len(src) && src[at] == src[at-offset] {
		at++
	}
	return at
}
