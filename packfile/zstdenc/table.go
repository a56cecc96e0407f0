package zstdenc

import "math/bits"

// A table is a finite-state entropy code (RFC 8878, 4.1), as the encoder needs it.
// The assembly knows where the fields lie.
type table struct {
	delta [symbols]step
	next  [1 << tableMax]uint16 // states, each 1<<log more than its place
	width [symbols]uint8        // bits that follow a symbol
	share [symbols]int16        // of 1<<log places; lessThanOne: one, at the end
	log   uint8
	used  int // symbols are below
}

// step is what a symbol does to a state.
type step struct {
	bits uint32 // (state+bits)>>16 low bits of it are written
	find int32  // (state>>those)+find is the place of the next one
}

const (
	tableMin    = 5 // log
	tableMax    = 9
	lessThanOne = -1
)

// logMax is how large tables may be.
var logMax = [kinds]uint8{lit: 9, off: 8, mat: 9}

// normalize divides the places between the symbols by their counts, whose sum is
// total, at least 2. There are at most 1<<places, and as many as pay.
func (t *table) normalize(count *[symbols]uint32, used int, total uint32, places uint8) {
	log := uint8(bits.Len32(total-1)) - 2
	log = max(min(log, places), tableMin, uint8(bits.Len32(uint32(used-1)))+1)
	t.log, t.used = log, used
	left := int32(1) << log
	most := 0
	for s := range used {
		switch c := count[s]; {
		case c == 0:
			t.share[s] = 0
		case c <= total>>log:
			t.share[s] = lessThanOne
			left--
		default:
			t.share[s] = int16((uint64(c)<<log + uint64(total)/2) / uint64(total))
			left -= int32(t.share[s])
			if c > count[most] {
				most = s
			}
		}
	}
	// The most frequent symbol does not feel what is over, or little that is missing.
	if has := int32(t.share[most]); left >= 0 || has+left > has/2 {
		t.share[most] += int16(left)
		return
	}
	for ; left < 0; left++ {
		t.share[t.cheapest(count)]--
	}
}

// cheapest returns the symbol that loses least by having a place less.
func (t *table) cheapest(count *[symbols]uint32) int {
	best := -1
	for s := range t.used {
		if t.share[s] > 1 && (best < 0 || uint64(count[s])*uint64(t.share[best]) < uint64(count[best])*uint64(t.share[s])) {
			best = s
		}
	}
	return best
}

// build makes the table from the shares.
func (t *table) build() {
	size := 1 << t.log
	var start [symbols]int // of the states of a symbol, in next
	var at [1 << tableMax]uint8
	high, from := size-1, 0
	for s := range t.used {
		start[s] = from
		if t.share[s] == lessThanOne {
			at[high] = uint8(s)
			high--
			from++
		} else {
			from += int(t.share[s])
		}
	}
	place, stride := 0, size>>1+size>>3+3
	for s := range t.used {
		for range t.share[s] {
			at[place] = uint8(s)
			for place = (place + stride) & (size - 1); place > high; {
				place = (place + stride) & (size - 1)
			}
		}
	}
	for i, s := range at[:size] {
		t.next[start[s]] = uint16(size + i)
		start[s]++
	}
	before := int32(0)
	for s := range t.used {
		switch n := int32(t.share[s]); n {
		case 0:
		case 1, lessThanOne:
			t.delta[s] = step{uint32(t.log)<<16 - uint32(size), before - 1}
			before++
		default:
			most := uint32(t.log) + 1 - uint32(bits.Len32(uint32(n-1)))
			t.delta[s] = step{most<<16 - uint32(n)<<most, before - n}
			before += n
		}
	}
}

// constant makes the table of one symbol, which writes nothing.
func (t *table) constant(s int) {
	t.log, t.used = 0, s+1
	t.delta[s] = step{}
	t.next[0] = 0
}

// first is the state to begin with at a symbol.
func (t *table) first(s uint8) uint32 {
	d := t.delta[s%symbols]
	width := (d.bits + 1<<15) >> 16
	return uint32(t.next[int32((width<<16-d.bits)>>width)+d.find])
}

// appendShares appends the shares (RFC 8878, 4.1.1).
func (t *table) appendShares(dst []byte) []byte {
	var acc uint64
	var have uint
	put := func(v int32, width uint) {
		acc |= uint64(v) << have
		for have += width; have >= 8; have -= 8 {
			dst = append(dst, byte(acc))
			acc >>= 8
		}
	}
	put(int32(t.log)-tableMin, 4)
	left := int32(1)<<t.log + 1
	width := uint(t.log) + 1 // of numbers up to left; 1<<(width-1) at most is left
	for s := 0; left > 1; {
		share := int32(t.share[s])
		s++
		half := int32(1) << (width - 1)
		short := 2*half - 1 - left // numbers below, and as many from half on, take a bit less
		v := share + 1
		if v >= half {
			v += short
		}
		if v < short {
			put(v, width-1)
		} else {
			put(v, width)
		}
		left -= max(share, -share)
		for left < int32(1)<<(width-1) {
			width--
		}
		if share != 0 {
			continue
		}
		more := 0 // zeros after a zero
		for t.share[s] == 0 {
			more++
			s++
		}
		for ; more >= 3; more -= 3 {
			put(3, 2)
		}
		put(int32(more), 2)
	}
	if have > 0 {
		dst = append(dst, byte(acc))
	}
	return dst
}

// predefined are the tables of RFC 8878, 3.1.1.3.2.2.
var predefined = [kinds]*table{
	lit: fixed(litWidth, 6, 4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1),
	off: fixed(offWidth, 5, 1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1),
	mat: fixed(matWidth, 6, 1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1),
}

func fixed(width [symbols]uint8, log uint8, shares ...int16) *table {
	t := &table{log: log, used: len(shares), width: width}
	copy(t.share[:], shares)
	t.build()
	return t
}
