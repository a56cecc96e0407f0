package chunker

import "math/bits"

// normalization is how many bits more than the average asks for must be zero
// before the average, and how many fewer after it (FastCDC, §3.5).
const normalization = 2

// Cut returns the length of the first chunk of data, or 0 if that takes more
// bytes than there are. last says that no more will come, and then only empty
// data gives 0. What is returned for some bytes is returned whatever follows
// them: a cut that shows in data's beginning is found there. p must be valid.
//
// Cut neither keeps nor changes data, allocates nothing, and gives the same
// answer on every machine. Safe for concurrent use.
func (p Params) Cut(data []byte, last bool) int {
	c := newCutter(p, normalization, fastest)
	return c.cut(data, 0, last)
}

// A search returns the first i in [from, to) where the low width bits of the
// fingerprint are zero, or to. The fingerprint begins with data[base] and ends
// with data[i]; base ≤ from ≤ to ≤ len(data), and 2 ≤ width < 64.
//
// The fingerprint is the sum of gear[data[i-k]]<<k, so that its low width bits
// depend on the last width bytes and on nothing before: a search may begin
// anywhere. All searches return the same.
type search func(data []byte, base, from, to int, width uint) int

// A cutter is Params as the search wants them.
type cutter struct {
	min, avg, max   int
	strict, lenient uint // how many bits must be zero before avg, and from there on
	find            search
}

func newCutter(p Params, level uint, find search) cutter {
	n := log2(p.Avg)
	return cutter{p.Min, p.Avg, p.Max, n + level, n - level, find}
}

// log2 is the logarithm of n > 0, rounded to the nearest. No n is half-way.
func log2(n int) uint {
	k := uint(bits.Len(uint(n))) - 1
	if uint64(n)*uint64(n)>>(2*k+1) != 0 { // n > 2^(k+½)
		k++
	}
	return k
}

// cut is Cut. The caller knows that no cut shows in data's first clean bytes.
func (c *cutter) cut(data []byte, clean int, last bool) int {
	n := min(len(data), c.max)
	from := max(c.min, clean)
	if to := min(n, c.avg); from < to {
		if from = c.find(data, c.min, from, to, c.strict); from < to {
			return from + 1
		}
	}
	if from < n {
		if from = c.find(data, c.min, from, n, c.lenient); from < n {
			return from + 1
		}
	}
	if last || n == c.max {
		return n
	}
	return 0
}
