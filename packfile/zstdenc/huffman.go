package zstdenc

import (
	"encoding/binary"
	"slices"
)

// A huffman code is for literals (RFC 8878, 4.2). The assembly knows where the
// fields lie.
type huffman struct {
	code [256]code
	log  uint8 // the longest code's bits
	used int   // literals are below
}

// code is what a literal is written as; of no bits: it is not.
type code struct {
	bits  uint16
	width uint16
}

const huffmanMax = 11 // bits of a code

// A counting is how often each byte stands in a block's literals.
type counting [256]uint32

// of counts data.
func (c *counting) of(data []byte) { c.every(8, data) }

// estimate counts about half of the data, and makes as if each byte stood there.
// It reports whether that is worth it: there are many data, of nearly all bytes.
// Data often have a period of 8 or 16, so the stride is none of these.
func (c *counting) estimate(data []byte) bool {
	if len(data) < estimateMin {
		return false
	}
	c.every(17, data)
	missing := 0
	for b := range c {
		if c[b] == 0 {
			missing++
		}
		c[b] = 2*c[b] + 1
	}
	return missing < estimateMissing
}

const (
	estimateMin     = 1 << 14
	estimateMissing = 16
)

// every counts eight bytes of each stride, and what is left at the end.
func (c *counting) every(stride int, data []byte) {
	// Four at a time, for the same byte again would wait for the last count.
	var part [4]counting
	for ; len(data) >= stride; data = data[stride:] {
		x := binary.LittleEndian.Uint64(data)
		part[0][byte(x)]++
		part[1][byte(x>>8)]++
		part[2][byte(x>>16)]++
		part[3][byte(x>>24)]++
		part[0][byte(x>>32)]++
		part[1][byte(x>>40)]++
		part[2][byte(x>>48)]++
		part[3][byte(x>>56)]++
	}
	for _, b := range data {
		part[0][b]++
	}
	for b := range c {
		c[b] = part[0][b] + part[1][b] + part[2][b] + part[3][b]
	}
}

// cost is how many bits the counted bytes take; false: one of them has no code.
func (h *huffman) cost(c *counting) (n int, ok bool) {
	for b, k := range c {
		w := h.code[b].width
		if w == 0 && k > 0 {
			return 0, false
		}
		n += int(k) * int(w)
	}
	return n, true
}

// build makes the best code for the counted bytes, of which there are two at least.
func (h *huffman) build(c *counting) {
	// A leaf is the count and the byte, so that they sort.
	var leaves [256]uint64
	n := 0
	for b, k := range c {
		if k > 0 {
			leaves[n] = uint64(k)<<8 | uint64(b)
			n++
			h.used = b + 1
		}
	}
	slices.Sort(leaves[:n])
	width := widths(leaves[:n])
	limit(width[:n])

	h.code = [256]code{}
	h.log = width[0]
	var number [huffmanMax + 1]uint16 // of codes of each width
	for i := range n {
		h.code[byte(leaves[i])].width = uint16(width[i])
		number[width[i]]++
	}
	// The longest codes come first, and those of a width in the order of their bytes.
	var next [huffmanMax + 1]uint16
	first := uint16(0)
	for w := h.log; w > 0; w-- {
		next[w] = first
		first = (first + number[w]) >> 1
	}
	for b := range h.used {
		if w := h.code[b].width; w > 0 {
			h.code[b].bits = next[w]
			next[w]++
		}
	}
}

// widths returns how deep the leaves lie in Huffman's tree. They are sorted by
// their counts, and so the deepest is the first.
func widths(leaves []uint64) (width [256]uint8) {
	// Inner nodes are made in the order of their counts, too: what has the least
	// count is the first leaf or the first inner node that has no parent yet.
	var count [256]uint64
	var parent [512]uint16 // of leaves, then of inner nodes
	n := len(leaves)
	leaf, inner := 0, 0
	for made := range n - 1 {
		for range 2 {
			if leaf < n && (inner == made || leaves[leaf]>>8 <= count[inner]) {
				count[made] += leaves[leaf] >> 8
				parent[leaf] = uint16(made)
				leaf++
			} else {
				count[made] += count[inner]
				parent[n+inner] = uint16(made)
				inner++
			}
		}
	}
	var depth [256]uint8
	for i := n - 3; i >= 0; i-- {
		depth[i] = depth[parent[n+i]] + 1
	}
	for i := range n {
		width[i] = depth[parent[i]] + 1
	}
	return width
}

// limit makes widths, which do not rise, at most huffmanMax, and has them use up
// all codes there are.
func limit(width []uint8) {
	const whole = 1 << huffmanMax
	sum := 0 // of the shares of whole that the codes take
	for i := range width {
		width[i] = min(width[i], huffmanMax)
		sum += whole >> width[i]
	}
	// The rarest of the shorter ones pay.
	for sum > whole {
		i := slices.IndexFunc(width, func(w uint8) bool { return w < huffmanMax })
		for ; i < len(width) && sum > whole; i++ {
			width[i]++
			sum -= whole >> width[i]
		}
	}
	// The most frequent of the longest ones has a share that divides all others, and
	// so what is over.
	for sum < whole {
		i := slices.IndexFunc(width, func(w uint8) bool { return w < width[0] })
		if i < 0 {
			i = len(width)
		}
		sum += whole >> width[i-1]
		width[i-1]--
	}
}

// appendWidths appends what a decoder builds the code from (RFC 8878, 4.2.1), and
// reports whether it can be said.
func (h *huffman) appendWidths(dst []byte) ([]byte, bool) {
	var weights [255]uint8 // of all but the last, whose weight is what is missing
	n := h.used - 1
	var count [symbols]uint32
	for b := range n {
		if w := h.code[b].width; w > 0 {
			weights[b] = h.log + 1 - uint8(w)
		}
		count[weights[b]]++
	}
	const plain = 127 // and their number: they stand as they are
	at := len(dst)
	if coded, ok := appendWeights(append(dst, 0), weights[:n], &count); ok {
		if size := len(coded) - at - 1; size <= plain && (n > 128 || size < (n+1)/2) {
			coded[at] = byte(size)
			return coded, true
		}
	}
	if n > 128 {
		return dst, false
	}
	dst = append(dst[:at], byte(plain+n))
	for i := 0; i < n; i += 2 {
		dst = append(dst, weights[i]<<4|weights[i+1])
	}
	return dst, true
}

// appendWeights appends weights by a finite-state code with two states, which
// take turns (RFC 8878, 4.2.1.2).
func appendWeights(dst []byte, weights []uint8, count *[symbols]uint32) (_ []byte, ok bool) {
	const places = 6 // log
	used, most := 0, uint32(0)
	for s, k := range count {
		if k > 0 {
			used, most = s+1, max(most, k)
		}
	}
	n := len(weights)
	if n < 3 || int(most) == n {
		return dst, false
	}
	var t table
	t.normalize(count, used, uint32(n), places)
	t.build()
	dst = t.appendShares(dst)
	var out [512]byte
	w := bitWriter{out: out[:]}
	var state [2]uint32
	for i := n - 1; i >= 0; i-- {
		s := &state[i&1]
		if i >= n-2 {
			*s = t.first(weights[i])
			continue
		}
		*s = t.encode(&w, *s, weights[i])
		w.flush()
	}
	w.put(state[1], t.log)
	w.put(state[0], t.log)
	return append(dst, w.end()...), true
}

// streamsMore is how much more than the codes take streams need in dst.
const streamsMore = 64

// appendStream appends the literals' codes, the last one's first, in one stream.
// There is room for them.
func (h *huffman) appendStream(dst, lits []byte, assembly bool) []byte {
	out := dst[len(dst):cap(dst)]
	if assembly && len(lits) > 0 {
		return dst[:len(dst)+huffmanBMI2(&out[0], &lits[0], len(lits), h)]
	}
	w := bitWriter{out: out}
	for i := len(lits) - 1; i >= 0; i-- {
		c := h.code[lits[i]]
		w.acc |= uint64(c.bits) << w.have
		if w.have += uint(c.width); w.have > 64-huffmanMax {
			w.flush()
		}
	}
	w.flush()
	return dst[:len(dst)+len(w.end())]
}

// appendStreams appends them in four streams, whose lengths come first.
func (h *huffman) appendStreams(dst, lits []byte, assembly bool) []byte {
	lengths := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0)
	part := (len(lits) + 3) / 4
	for i := range 4 {
		from := len(dst)
		dst = h.appendStream(dst, lits[min(i*part, len(lits)):min((i+1)*part, len(lits))], assembly)
		if i < 3 {
			binary.LittleEndian.PutUint16(dst[lengths+2*i:], uint16(len(dst)-from))
		}
	}
	return dst
}
