package manifest

import (
	"context"
	"fmt"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// NodeKind is the kind that a node says it has.
func NodeKind(data []byte) (chunker.Kind, error) {
	r := wire.NewReader(data)
	kind, _ := readHeader(r, len(data))
	if err := r.Err(); err != nil {
		return 0, fmt.Errorf("read node header: %w", err)
	}
	return kind, nil
}

// Deps lists the ids that a node of any kind refers to, in order, as often as
// it does. What the entries make of them is not looked at.
func Deps(data []byte) (nodes, chunks []chunker.ID, err error) {
	r := wire.NewReader(data)
	readHeader(r, len(data))
	d := readDeps(r)
	if err := r.Err(); err != nil {
		return nil, nil, fmt.Errorf("read node dependencies: %w", err)
	}
	return ids(d.nodes), ids(d.chunks), nil
}

func readHeader(r *wire.Reader, size int) (kind chunker.Kind, level int) {
	if size > NodeMax {
		r.Failf("node of %d bytes, want at most %d", size, NodeMax)
	}
	if f := r.U8(); f != formatVersion {
		r.Failf("node format %d, want %d", f, formatVersion)
	}
	kind = chunker.Kind(r.U8())
	if !kind.Valid() || !kind.IsNode() {
		r.Failf("%s is no kind of node", kind)
	}
	level = int(r.U8())
	if level >= DepthMax {
		r.Failf("level %d, want less than %d", level, DepthMax)
	}
	return kind, level
}

// deps are encoded ids, taken from the front.
type deps struct{ nodes, chunks []byte }

func readDeps(r *wire.Reader) (d deps) {
	d.nodes = readIDs(r)
	d.chunks = readIDs(r)
	return d
}

func readIDs(r *wire.Reader) []byte {
	b := r.Bytes(r.Count(chunker.IDSize) * chunker.IDSize)
	for rest := b; len(rest) > 0; rest = rest[chunker.IDSize:] {
		if chunker.ID(rest[:chunker.IDSize]).IsZero() {
			r.Failf("an id of zeros")
			return nil
		}
	}
	return b
}

// take splits off what one entry uses: as many ids as the next two varints say.
func (d *deps) take(r *wire.Reader) (own deps) {
	own.nodes, d.nodes = takeIDs(r, d.nodes)
	own.chunks, d.chunks = takeIDs(r, d.chunks)
	return own
}

func takeIDs(r *wire.Reader, b []byte) (own, rest []byte) {
	n := chunker.IDSize * int(r.Uvarint(uint64(len(b)/chunker.IDSize)))
	return b[:n:n], b[n:]
}

// node takes the next node id.
func (d *deps) node(r *wire.Reader) (id chunker.ID) {
	if len(d.nodes) == 0 {
		r.Failf("no node id left to refer to")
		return id
	}
	id, d.nodes = chunker.ID(d.nodes[:chunker.IDSize]), d.nodes[chunker.IDSize:]
	return id
}

// chunk takes the next chunk id.
func (d *deps) chunk(r *wire.Reader) (id chunker.ID) {
	if len(d.chunks) == 0 {
		r.Failf("no chunk id left to refer to")
		return id
	}
	id, d.chunks = chunker.ID(d.chunks[:chunker.IDSize]), d.chunks[chunker.IDSize:]
	return id
}

func (d *deps) empty() bool { return len(d.nodes)+len(d.chunks) == 0 }

// ids copies encoded ids out of a node; none is nil.
func ids(b []byte) []chunker.ID {
	if len(b) == 0 {
		return nil
	}
	return appendIDs(make([]chunker.ID, 0, len(b)/chunker.IDSize), b)
}

func appendIDs(dst []chunker.ID, b []byte) []chunker.ID {
	for ; len(b) > 0; b = b[chunker.IDSize:] {
		dst = append(dst, chunker.ID(b[:chunker.IDSize]))
	}
	return dst
}

// page is a node opened for reading, its cursor before the next entry.
type page struct {
	id    chunker.ID
	kind  chunker.Kind
	level int
	data  []byte
	r     *wire.Reader
	deps  deps // not yet taken
	left  int  // entries not yet read
}

// anyLevel stands for the level of a tree's topmost node, which nothing tells.
const anyLevel = -1

// openPage reads a node and its header.
func openPage(ctx context.Context, src Source, kind chunker.Kind, id chunker.ID, level int) (*page, error) {
	data, err := src.Chunk(ctx, kind, id)
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", kind, id, err)
	}
	return newPage(data, kind, id, level)
}

// newPage decodes a node's header. A node with a parent must be on the level
// below it, which also ends every descent; a topmost one that is not a leaf
// must have several children.
func newPage(data []byte, kind chunker.Kind, id chunker.ID, level int) (*page, error) {
	p := &page{id: id, data: data}
	p.parse()
	switch {
	case p.kind != kind:
		p.r.Failf("a %s, want a %s", p.kind, kind)
	case level != anyLevel && p.level != level:
		p.r.Failf("level %d, want %d", p.level, level)
	case level == anyLevel && p.level > 0 && p.left < 2:
		p.r.Failf("a topmost page of level %d with %d children", p.level, p.left)
	}
	return p, p.err()
}

func (p *page) parse() {
	p.r = wire.NewReader(p.data)
	p.kind, p.level = readHeader(p.r, len(p.data))
	p.deps = readDeps(p.r)
	p.left = p.r.Count(1)
}

// err is the first error met, with the node's name.
func (p *page) err() error {
	if err := p.r.Err(); err != nil {
		return fmt.Errorf("%s %s: %w", p.kind, p.id, err)
	}
	return nil
}

// done checks that the entries, all read, used up the node.
func (p *page) done() {
	if !p.deps.empty() {
		p.r.Failf("%d bytes of ids that no entry refers to", len(p.deps.nodes)+len(p.deps.chunks))
	}
	p.r.Done()
}
