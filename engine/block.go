package engine

import (
	"context"
	"io"
	"slices"

	"github.com/artifortress/afs-engine/chunker"
)

// A block is some consecutive bytes of one file, cut into chunks. A file of up
// to blockLarge bytes is one block; a longer one, and a stream, is many.
type block struct {
	buf    []byte
	n      int     // bytes in buf that are chunks of this block
	pieces []piece // of buf[:n]
	home   chan *block

	asOf   uint64   // see chunk
	chunks [][]byte // the pieces that are chunks, for name; so are these:
	ids    []chunker.ID
	have   []bool
}

// piece is a chunk of a block.
type piece struct {
	end   int // offset in the block where it ends; it begins where the one before ends
	id    chunker.ID
	zero  bool // nothing but zeros: no chunk
	known bool // the store had it when it was looked up
}

// Sizes of blocks, in bytes. Most files of a source tree fit into a small one,
// of which there can be many on the way without much memory.
const (
	blockSmall = 64 << 10
	blockLarge = 1 << 20
)

// blocks are the buffers of a pipeline. They are made when they are first
// needed and then used again; their number bounds the files under way.
type blocks struct {
	free  chan *block
	spare int // not made yet; only the one goroutine that takes counts it
	size  int
}

func newBlocks(n, size int) *blocks {
	return &blocks{free: make(chan *block, n), spare: n, size: size}
}

// take waits for a free block, or for stop.
func (b *blocks) take(stop <-chan struct{}) (*block, bool) {
	select {
	case x := <-b.free:
		return x, true
	default:
	}
	if b.spare > 0 {
		b.spare--
		return &block{buf: make([]byte, b.size), home: b.free}, true
	}
	select {
	case x := <-b.free:
		return x, true
	case <-stop:
		return nil, false
	}
}

// release makes the block free again.
func (b *block) release() { b.home <- b }

// cut cuts buf[:n]; if last is false, it leaves the bytes behind the last cut,
// and the block ends there. It returns how many bytes it took.
func (b *block) cut(p chunker.Params, n int, last bool) int {
	b.pieces = b.pieces[:0]
	b.n = 0
	for b.n < n {
		size := p.Cut(b.buf[b.n:n], last)
		if size == 0 {
			break
		}
		b.n += size
		b.pieces = append(b.pieces, piece{end: b.n})
	}
	return b.n
}

// name computes the ids of the block's chunks and looks them up.
func (b *block) name(ctx context.Context, s storer) (err error) {
	b.chunks = b.chunks[:0]
	from := 0
	for i := range b.pieces {
		c := &b.pieces[i]
		data := b.buf[from:c.end]
		from = c.end
		if c.zero = chunker.Zero(data); !c.zero {
			b.chunks = append(b.chunks, data)
		}
	}
	if len(b.chunks) == 0 {
		return nil
	}
	b.ids = slices.Grow(b.ids[:0], len(b.chunks))[:len(b.chunks)]
	b.have = slices.Grow(b.have[:0], len(b.chunks))[:len(b.chunks)]
	chunker.Data.SumAll(b.ids, b.chunks)
	if b.asOf, err = s.known(ctx, b.ids, b.have); err != nil {
		return err
	}
	n := 0
	for i := range b.pieces {
		if c := &b.pieces[i]; !c.zero {
			c.id, c.known = b.ids[n], b.have[n]
			n++
		}
	}
	return nil
}

// readFull reads r to its end into buf, and returns how much there was. It is
// an error of the source if that is more than fits.
func readFull(r io.Reader, buf []byte) (n int, err error) {
	for empty := 0; n < len(buf); {
		m, err := r.Read(buf[n:])
		n += m
		switch {
		case err == io.EOF:
			return n, nil
		case err != nil:
			return n, err
		case m > 0:
			empty = 0
		default:
			if empty++; empty == emptyReadsMax {
				return n, io.ErrNoProgress
			}
		}
	}
	return n, expectEnd(r)
}
