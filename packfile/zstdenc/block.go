package zstdenc

import (
	"encoding/binary"
	"errors"

	"github.com/klauspost/compress/huff0"
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

// appendLiterals appends the literals as short as they get.
func (e *Encoder) appendLiterals(dst, lits []byte) []byte {
	if len(lits) < fewLiterals {
		return append(appendPlainHeader(dst, litsRaw, len(lits)), lits...)
	}
	e.huff.Reuse = huff0.ReusePolicyNone
	if e.reuse {
		e.huff.Reuse = huff0.ReusePolicyAllow
	}
	compress, streams := huff0.Compress4X, 4
	if len(lits) < 1<<10 {
		compress, streams = huff0.Compress1X, 1
	}
	out, reused, err := compress(lits, &e.huff)
	e.reuse = err == nil
	switch {
	case errors.Is(err, huff0.ErrUseRLE):
		return append(appendPlainHeader(dst, litsRLE, len(lits)), lits[0])
	case err != nil:
		return append(appendPlainHeader(dst, litsRaw, len(lits)), lits...)
	}
	kind := litsHuffman
	if reused {
		kind = litsTreeless
	}
	return append(appendCodedHeader(dst, kind, streams, len(lits), len(out)), out...)
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

// appendCodedHeader is for size literals that are coded in fewer bytes.
func appendCodedHeader(dst []byte, kind, streams, size, coded int) []byte {
	k, n, c := uint64(kind), uint64(size), uint64(coded)
	switch {
	case streams == 1:
		h := k | n<<4 | c<<14
		return append(dst, byte(h), byte(h>>8), byte(h>>16))
	case n < 1<<14:
		return binary.LittleEndian.AppendUint32(dst, uint32(k|2<<2|n<<4|c<<18))
	default:
		h := k | 3<<2 | n<<4 | c<<22
		return append(binary.LittleEndian.AppendUint32(dst, uint32(h)), byte(h>>32))
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
