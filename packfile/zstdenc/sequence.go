package zstdenc

import "math/bits"

// A sequence is so many literals, then a copy of bytes from before (RFC 8878,
// 3.1.1.3.2.1). Its three numbers stand as they are coded: each has a code, which
// says how many of its low bits follow. The assembly knows where the fields lie.
type sequence struct {
	lits   uint32 // literals
	match  uint32 // bytes copied, less matchMin
	offset uint32 // 1 to 3: one of the last three offsets; else the offset plus 3
	code   [kinds]uint8
}

// The numbers, in the order in which their tables stand in a block.
const (
	lit = iota
	off
	mat
	kinds
)

const (
	matchMin = 3  // bytes copied, in the format
	symbols  = 64 // room for codes; there are fewer, so that indexes can be masked
)

// Small numbers have a table of codes. Beyond, there is a code for what lies
// between two powers of two.
const (
	litSmall = 64
	matSmall = 128
)

var (
	litWidth, litCodes = codes(litSmall, []uint8{16: 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	matWidth, matCodes = codes(matSmall, []uint8{32: 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	offWidth           = offWidths()
)

// codes makes a table of the codes of numbers below small from how many bits
// follow each code, and returns these with room for a mask.
func codes(small int, follow []uint8) (width [symbols]uint8, of [matSmall]uint8) {
	from := 0
	for code, w := range follow {
		width[code] = w
		for x := from; x < min(from+1<<w, small); x++ {
			of[x] = uint8(code)
		}
		from += 1 << w
	}
	return width, of
}

func offWidths() (width [symbols]uint8) {
	for code := range 32 {
		width[code] = uint8(code)
	}
	return width
}

// setCodes sets the codes of the numbers.
func (q *sequence) setCodes() {
	if q.lits < litSmall {
		q.code[lit] = litCodes[q.lits]
	} else {
		q.code[lit] = uint8(bits.Len32(q.lits)) + 18
	}
	if q.match < matSmall {
		q.code[mat] = matCodes[q.match]
	} else {
		q.code[mat] = uint8(bits.Len32(q.match)) + 35
	}
	q.code[off] = uint8(bits.Len32(q.offset)) - 1
}

// offsets are the last three, the newest first.
type offsets [3]uint32

// code returns how an offset is coded, and makes it the newest. With no literals
// before the copy, the newest cannot be said, and the other two are one less.
func (o *offsets) code(offset uint32, literals bool) uint32 {
	less := uint32(1)
	if literals {
		if offset == o[0] {
			return 1
		}
		less = 0
	}
	code := offset + 3
	switch offset {
	case o[1]:
		code = 2 - less
		o[1] = o[0]
	case o[2]:
		code = 3 - less
		o[1], o[2] = o[0], o[1]
	default:
		o[1], o[2] = o[0], o[1]
	}
	o[0] = offset
	return code
}
