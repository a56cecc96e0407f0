package zstdenc

import (
	"encoding/binary"
	"slices"
)

// sequenceMax is more than a sequence can take, in bytes: three states of 9 bits
// and numbers of 16, 16 and 31.
const sequenceMax = 16

// encodeBits encodes sequences, one at least, with the block's tables, the last
// one first (RFC 8878, 3.1.1.3.2.1.1 and 4.1). What it returns is valid until it
// is called again.
func (e *Encoder) encodeBits(seqs []sequence) []byte {
	e.bits = slices.Grow(e.bits[:0], sequenceMax*(len(seqs)+1))
	out := e.bits[:cap(e.bits)]
	if e.finder.assembly {
		return out[:bitsBMI2(&out[0], &seqs[0], len(seqs), &e.tables)]
	}
	return out[:bitsPlain(out, seqs, &e.tables)]
}

func bitsPlain(out []byte, seqs []sequence, t *[kinds]*table) int {
	w := bitWriter{out: out}
	q := &seqs[len(seqs)-1]
	var state [kinds]uint32
	for kind := range state {
		state[kind] = t[kind].first(q.code[kind])
	}
	w.follow(q, t)
	for i := len(seqs) - 2; i >= 0; i-- {
		q := &seqs[i]
		for _, kind := range [...]int{off, mat, lit} {
			state[kind] = t[kind].encode(&w, state[kind], q.code[kind])
		}
		w.follow(q, t)
	}
	for _, kind := range [...]int{mat, off, lit} {
		w.put(state[kind], t[kind].log)
	}
	return len(w.end())
}

// encode writes what a symbol does to a state, and returns the next one.
func (t *table) encode(w *bitWriter, state uint32, symbol uint8) uint32 {
	d := t.delta[symbol%symbols]
	width := (state + d.bits) >> 16
	w.put(state, uint8(width))
	return uint32(t.next[int32(state>>width)+d.find])
}

// bitWriter writes bits, the lowest first.
type bitWriter struct {
	out  []byte
	at   int
	acc  uint64
	have uint
}

// put adds the low bits of v. There is room for 57 of them after a flush.
func (w *bitWriter) put(v uint32, width uint8) {
	w.acc |= uint64(v&(1<<width-1)) << w.have
	w.have += uint(width)
}

// flush writes whole bytes.
func (w *bitWriter) flush() {
	binary.LittleEndian.PutUint64(w.out[w.at:], w.acc)
	w.at += int(w.have / 8)
	w.acc >>= w.have &^ 7
	w.have &= 7
}

// end says where the bits end, and returns all.
func (w *bitWriter) end() []byte {
	w.put(1, 1)
	w.flush()
	return w.out[:w.at+int(w.have+7)/8]
}

// follow puts the bits that follow the codes.
func (w *bitWriter) follow(q *sequence, t *[kinds]*table) {
	w.put(q.lits, t[lit].width[q.code[lit]%symbols])
	w.flush()
	w.put(q.match, t[mat].width[q.code[mat]%symbols])
	w.put(q.offset, t[off].width[q.code[off]%symbols])
	w.flush()
}
