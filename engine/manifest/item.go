package manifest

import (
	"bytes"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// item is a decoded entry of a directory or attributes page. Its slices alias
// the node: passing over an entry allocates nothing.
type item struct {
	level int
	name  []byte
	body  []byte // the entry as encoded; with own, all that it says
	own   deps   // the ids it takes

	content contentView // in a directory leaf
	attrs   attrsView   // in an attributes leaf

	child chunker.ID // in an inner node
	sum   Summary    // in an inner node of a directory: below; in a leaf: its share
}

// same reports whether two leaf entries say the same.
func (it *item) same(o *item) bool {
	return bytes.Equal(it.body, o.body) && bytes.Equal(it.own.nodes, o.own.nodes) && bytes.Equal(it.own.chunks, o.own.chunks)
}

// read decodes the next entry of p.
func (it *item) read(p *page) {
	*it = item{level: p.level}
	p.left--
	start, before := p.r.Pos(), p.deps
	it.name = p.r.Counted(NameMax)
	switch {
	case p.level > 0:
		it.readInner(p)
	case p.kind == chunker.DirNode:
		it.readLeaf(p, contentKnown)
		it.sum = share(it.content.kind, it.content.size, it.content.summary)
	default:
		it.readLeaf(p, attrsKnown)
	}
	if p.r.Err() != nil {
		return
	}
	it.body = p.data[start:p.r.Pos()]
	taken := len(before.nodes) - len(p.deps.nodes) + len(before.chunks) - len(p.deps.chunks)
	if len(it.body)+taken > EntryMax {
		p.r.Failf("an entry of more than %d bytes", EntryMax)
	}
}

func (it *item) readInner(p *page) {
	if p.kind == chunker.DirNode {
		it.sum = readSummary(p.r)
		if !it.sum.valid() {
			p.r.Failf("a summary that does not add up")
		}
	}
	it.child = p.deps.node(p.r)
}

// readLeaf decodes the fields of an entry. Those whose tags are not known are
// kept as they are, with the ids that the known ones leave over.
func (it *item) readLeaf(p *page, known uint64) {
	r := p.r
	it.own = p.deps.take(r)
	own, rest := it.own, unknownView{}
	var have uint64 // bit t: there was a known field t
	last := uint64(0)
	for n := r.Count(2); n > 0; n-- {
		start := r.Pos()
		tag := r.Uvarint(tagMax)
		if tag <= last {
			r.Failf("field %d after field %d", tag, last)
		}
		last = tag
		value := r.Counted(r.Len())
		if r.Err() != nil {
			return
		}
		if bit := uint64(1) << tag; known&bit != 0 {
			have |= bit
			it.field(p, tag, value, &own)
			continue
		}
		rest.add(p.data[start:r.Pos():r.Pos()])
	}
	if rest.count > 0 {
		rest.deps = own
	} else if !own.empty() {
		r.Failf("ids that no field refers to")
	}
	if r.Err() != nil {
		return
	}
	if p.kind == chunker.DirNode {
		it.content.unknown = rest
		it.content.check(r, have)
	} else {
		it.attrs.unknown = rest
		it.attrs.check(r, have)
	}
}

func (it *item) field(p *page, tag uint64, value []byte, own *deps) {
	v := wire.NewReader(value)
	if p.kind == chunker.DirNode {
		it.content.field(tag, v, own)
	} else {
		it.attrs.field(tag, v, own)
	}
	if err := v.Done(); err != nil {
		p.r.Failf("field %d: %v", tag, err)
	}
}

// nextName is the least name after name.
func nextName(name string) string { return name + "\x00" }
