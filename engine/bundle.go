package engine

import (
	"context"
	"io"
	"slices"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/engine/source"
)

// A bundle is a buffer with the bytes that one worker prepares at a time: many
// small files, one larger one, or a part of a stream. What must be asked about
// them is asked for all of them together, because whoever answers may be another
// process.
type bundle struct {
	buf    []byte
	used   int      // of buf
	blocks []block  // as many as there may be; the first len(events) are in use
	events []*event // whose blocks they are
	places int      // directories that its files are in

	done  chan struct{} // receives once a worker is done
	ready bool          // the builder has received that
	taken int           // events that the builder has seen the last of
	home  chan *bundle

	chunks [][]byte // for look, and so are these:
	ids    []chunker.ID
	have   []bool

	asked []*event // for recall
	files []source.Identity
	known []dataplane.KnownFile
}

// Sizes of blocks, in bytes. Most files of a source tree fit into a small one.
const (
	blockSmall = 64 << 10
	blockLarge = 1 << 20
	blockPart  = 256 << 10 // of a stream: what one core reads and others cut, name and pack is still in a cache then
)

// add gives the event the next size bytes of the buffer.
func (x *bundle) add(ev *event, size int) {
	b := &x.blocks[len(x.events)]
	b.buf, b.n, b.pieces = x.buf[x.used:x.used+size:x.used+size], 0, b.pieces[:0]
	x.used += size
	x.events = append(x.events, ev)
	ev.bundle, ev.block = x, b
}

// fits reports whether there is room for another file.
func (x *bundle) fits(size int) bool {
	return len(x.events) < len(x.blocks) && x.used+size <= len(x.buf)
}

// release makes the bundle free again.
func (x *bundle) release() {
	clear(x.events)
	clear(x.asked)
	clear(x.files)
	clear(x.known)
	x.events, x.used, x.places, x.taken, x.ready = x.events[:0], 0, 0, 0, false
	x.home <- x
}

// look computes the ids of all chunks and looks them up.
func (x *bundle) look(ctx context.Context, s storer) error {
	x.chunks = x.chunks[:0]
	for i, ev := range x.events {
		if ev.err == nil {
			x.chunks = x.blocks[i].list(x.chunks)
		}
	}
	if len(x.chunks) == 0 {
		return nil
	}
	x.ids = slices.Grow(x.ids[:0], len(x.chunks))[:len(x.chunks)]
	x.have = slices.Grow(x.have[:0], len(x.chunks))[:len(x.chunks)]
	chunker.Data.SumAll(x.ids, x.chunks)
	asOf, err := s.known(ctx, x.ids, x.have)
	if err != nil {
		return err
	}
	ids, have := x.ids, x.have
	for i, ev := range x.events {
		if ev.err == nil {
			ids, have = x.blocks[i].note(ids, have)
			x.blocks[i].asOf = asOf
		}
	}
	return nil
}

// bundles are the buffers of a pipeline. They are made when they are first
// needed and then used again; their number bounds the files under way.
type bundles struct {
	free  chan *bundle
	spare int // not made yet; only the one goroutine that takes counts it
	size  int // of a buffer, bytes
	files int // in a bundle, at most
}

func newBundles(n, size, files int) *bundles {
	return &bundles{free: make(chan *bundle, n), spare: n, size: size, files: files}
}

// largest is the size of the largest file that goes into a bundle with others:
// one that leaves little room would have it handed over nearly empty.
func (b *bundles) largest() int { return max(blockSmall, b.size/2) }

// try returns a free bundle, or nil.
func (b *bundles) try() *bundle {
	select {
	case x := <-b.free:
		return x
	default:
	}
	if b.spare == 0 {
		return nil
	}
	b.spare--
	return &bundle{buf: make([]byte, b.size), blocks: make([]block, b.files), done: make(chan struct{}, 1), home: b.free}
}

// take waits for a free bundle, or for stop.
func (b *bundles) take(stop <-chan struct{}) (*bundle, bool) {
	select {
	case x := <-b.free:
		return x, true
	case <-stop:
		return nil, false
	}
}

// A block is some consecutive bytes of one file, cut into chunks. A file of up
// to blockLarge bytes is one block; a longer one, and a stream, is many of
// blockPart.
type block struct {
	buf    []byte
	n      int     // bytes in buf that are chunks of this block
	pieces []piece // of buf[:n]
	asOf   uint64  // see chunk
}

// piece is a chunk of a block.
type piece struct {
	end   int // offset in the block where it ends; it begins where the one before ends
	id    chunker.ID
	zero  bool // nothing but zeros: no chunk
	known bool // the store had it when it was looked up
}

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

// list appends the block's chunks to all: the pieces that are not zeros.
func (b *block) list(all [][]byte) [][]byte {
	from := 0
	for i := range b.pieces {
		c := &b.pieces[i]
		data := b.buf[from:c.end]
		from = c.end
		if c.zero = chunker.Zero(data); !c.zero {
			all = append(all, data)
		}
	}
	return all
}

// note takes from ids and have what was found out about the block's chunks.
func (b *block) note(ids []chunker.ID, have []bool) ([]chunker.ID, []bool) {
	for i := range b.pieces {
		if c := &b.pieces[i]; !c.zero {
			c.id, c.known = ids[0], have[0]
			ids, have = ids[1:], have[1:]
		}
	}
	return ids, have
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
