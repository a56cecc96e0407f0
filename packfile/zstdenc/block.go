package zstdenc

import (
	"encoding/binary"
	"slices"
)

// Types of blocks (RFC 8878, 3.1.1.2).
const (
	blockRaw        = 0
	blockCompressed = 2

	blockHeader = 3 // bytes
)

func appendBlockHeader(dst []byte, last bool, kind, size int) []byte {
	h := kind<<1 | size<<3
	if last {
		h |= 1
	}
	return append(dst, byte(h), byte(h>>8), byte(h>>16))
}

// appendBlock appends a compressed block.
func (e *Encoder) appendBlock(dst []byte, seqs []sequence, lits []byte, last bool) []byte {
	start := len(dst)
	dst = appendBlockHeader(dst, last, blockCompressed, 0)
	dst = e.appendLiterals(dst, lits)
	dst = e.appendSequences(dst, seqs)
	appendBlockHeader(dst[:start], last, blockCompressed, len(dst)-start-blockHeader)
	return dst
}

// Types of literals (RFC 8878, 3.1.1.3.1.1).
const (
	litsRaw      = 0
	litsRLE      = 1
	litsHuffman  = 2
	litsTreeless = 3 // with the code of the literals before
)

// fewLiterals do not pay for a code.
const fewLiterals = 32

// appendLiterals appends the literals as short as they get: by the decoder's
// code, by a new one, which comes before them, or as they are.
func (e *Encoder) appendLiterals(dst, lits []byte) []byte {
	start, n := len(dst), len(lits)
	if n < fewLiterals {
		return append(appendPlainHeader(dst, litsRaw, n), lits...)
	}
	var count counting
	if !count.estimate(lits) {
		count.of(lits)
	}
	if int(count[lits[0]]) == n {
		return append(appendPlainHeader(dst, litsRLE, n), lits[0])
	}
	old, fresh := &e.huff[0], &e.huff[1]
	fresh.build(&count)
	bits, _ := fresh.cost(&count)
	header := codedHeader
	if n < 1<<10 {
		header = codedHeaderSmall
	}
	dst = append(dst, make([]byte, header)...)
	dst, ok := fresh.appendWidths(dst)
	kind := litsHuffman
	if bitsOld, can := old.cost(&count); e.reuse && can && (!ok || bitsOld/8 <= len(dst)-start-header+bits/8) {
		dst, kind, bits, ok = dst[:start+header], litsTreeless, bitsOld, true
	}
	if !ok || len(dst)-start+bits/8 >= n {
		return append(appendPlainHeader(dst[:start], litsRaw, n), lits...)
	}
	if kind == litsHuffman {
		*old, e.reuse = *fresh, true
	}
	dst = slices.Grow(dst, n*int(old.log)/8+streamsMore)
	if header == codedHeaderSmall {
		dst = old.appendStream(dst, lits, e.finder.assembly)
	} else {
		dst = old.appendStreams(dst, lits, e.finder.assembly)
	}
	if len(dst)-start >= n { // what was counted misled, and some decoders refuse it
		e.reuse = e.reuse && kind == litsTreeless
		return append(appendPlainHeader(dst[:start], litsRaw, n), lits...)
	}
	putCodedHeader(dst[start:], kind, header, n, len(dst)-start-header)
	return dst
}

// Bytes of a header of coded literals: of less than a KiB in one stream, and of
// more in four.
const (
	codedHeaderSmall = 3
	codedHeader      = 5
)

func putCodedHeader(dst []byte, kind, header, size, coded int) {
	k, n, c := uint64(kind), uint64(size), uint64(coded)
	if header == codedHeaderSmall {
		h := k | n<<4 | c<<14
		dst[0], dst[1], dst[2] = byte(h), byte(h>>8), byte(h>>16)
		return
	}
	h := k | 3<<2 | n<<4 | c<<22
	binary.LittleEndian.PutUint32(dst, uint32(h))
	dst[4] = byte(h >> 32)
}

// appendPlainHeader is for literals that are not coded.
func appendPlainHeader(dst []byte, kind, size int) []byte {
	switch {
	case size < 1<<5:
		return append(dst, byte(kind|size<<3))
	case size < 1<<12:
		return binary.LittleEndian.AppendUint16(dst, uint16(kind|1<<2|size<<4))
	default:
		h := kind | 3<<2 | size<<4
		return append(dst, byte(h), byte(h>>8), byte(h>>16))
	}
}

// How a kind of number is coded (RFC 8878, 3.1.1.3.2.1).
const (
	modePredefined = 0
	modeRLE        = 1
	modeFSE        = 2
)

// fewSequences do not pay for a table of their own.
const fewSequences = 48

func (e *Encoder) appendSequences(dst []byte, seqs []sequence) []byte {
	const long = 0x7F00
	n := len(seqs)
	switch {
	case n == 0:
		return append(dst, 0)
	case n < 1<<7:
		dst = append(dst, byte(n))
	case n < long:
		dst = append(dst, byte(n>>8)+1<<7, byte(n))
	default:
		dst = append(dst, 0xFF, byte(n-long), byte((n-long)>>8))
	}
	at, modes := len(dst), 0
	dst = append(dst, 0)
	for kind := range kinds {
		var mode int
		mode, dst = e.choose(dst, kind, uint32(n))
		modes = modes<<2 | mode
	}
	dst[at] = byte(modes << 2)
	return append(dst, e.encodeBits(seqs)...)
}

// choose decides how the numbers of a kind are coded, and appends what the
// decoder has to know of that.
func (e *Encoder) choose(dst []byte, kind int, n uint32) (mode int, out []byte) {
	count, own := &e.finder.count[kind], &e.own[kind]
	used, only := 0, false
	for s, k := range count {
		if k > 0 {
			used, only = s+1, k == n
		}
	}
	e.tables[kind] = own
	switch {
	case n < fewSequences && used <= predefined[kind].used:
		e.tables[kind] = predefined[kind]
		return modePredefined, dst
	case only:
		own.constant(used - 1)
		return modeRLE, append(dst, byte(used-1))
	}
	own.normalize(count, used, n, logMax[kind])
	own.build()
	return modeFSE, own.appendShares(dst)
}
