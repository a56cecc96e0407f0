// Package zstdenc encodes zstd frames (RFC 8878) about twice as fast as a library
// in Go does, to the same size: what compresses data frames bounds an ingest.
//
// A frame goes through it in blocks of 128 KiB, and a block through three steps:
//
//	finder ──► sequences, literals ──► Huffman code
//	                     └───────────► finite-state code
//
// The finder waits for branches and for memory most of its time, so it does on the
// way what costs little there: it copies literals, codes the sequences' numbers and
// counts the codes. It and what writes the two codes' bits are there in assembly,
// for amd64 with AVX2 and BMI2, and in Go; they give the same bytes, whatever the
// processor.
//
// There is one level, of the kind of zstd's first. Whoever wants more takes the
// library (docs/decisions/0023).
package zstdenc

import "encoding/binary"

const (
	magic    = 0xFD2FB528
	blockMax = 128 << 10 // bytes, at most what the format allows

	// SizeMax is the size of the largest frame, in plain bytes.
	SizeMax = 1 << 31
)

// Encoder encodes frames, one at a time. It takes some 140 KiB, and up to 1.3 MiB more
// once it is used. Not safe for concurrent use.
type Encoder struct {
	finder finder
	seqs   []sequence // room for those of a block, as are the others
	lits   []byte
	bits   []byte // of the sequences

	huff   [2]huffman // the decoder's, if it has one, and one to be tried
	reuse  bool       // it has
	own    [kinds]table
	tables [kinds]*table // of the block
}

// NewEncoder makes an Encoder.
func NewEncoder() *Encoder {
	e := &Encoder{finder: finder{assembly: hasAssembly}}
	for kind := range e.own {
		e.own[kind].width = predefined[kind].width
	}
	return e
}

// EncodeAll appends a frame of src, of up to SizeMax bytes, to dst. The frame states
// its content size, has no checksum and no dictionary, and its window is all of
// it. Neither slice is kept. It panics if src is larger.
func (e *Encoder) EncodeAll(src, dst []byte) []byte {
	if uint64(len(src)) > SizeMax {
		panic("zstdenc: frame is too large")
	}
	dst = appendHeader(dst, len(src))
	if len(src) == 0 {
		return appendBlockHeader(dst, true, blockRaw, 0)
	}
	if e.seqs == nil {
		e.seqs, e.lits = make([]sequence, blockMax/copyMin+1), make([]byte, blockMax+wide)
	}
	e.finder.reset()
	e.reuse = false
	for from := 0; from < len(src); from += blockMax {
		to := min(len(src), from+blockMax)
		before := e.finder.last
		n, l, end := e.finder.find(e.seqs, e.lits, src[:to], from)
		l += copy(e.lits[l:], src[end:to])
		start := len(dst)
		dst = e.appendBlock(dst, e.seqs[:n], e.lits[:l], to == len(src))
		if size := to - from; len(dst)-start-blockHeader >= size {
			// The decoder sees none of it, so its offsets and code are those from before.
			e.finder.last, e.reuse = before, false
			dst = appendBlockHeader(dst[:start], to == len(src), blockRaw, size)
			dst = append(dst, src[from:to]...)
		}
	}
	return dst
}

// appendHeader appends the frame's header: one segment, of that size.
func appendHeader(dst []byte, size int) []byte {
	const single = 1 << 5
	dst = binary.LittleEndian.AppendUint32(dst, magic)
	switch {
	case size < 1<<8:
		return append(dst, single, byte(size))
	case size < 1<<16+1<<8:
		return binary.LittleEndian.AppendUint16(append(dst, single|1<<6), uint16(size-1<<8))
	default:
		return binary.LittleEndian.AppendUint32(append(dst, single|2<<6), uint32(size))
	}
}
