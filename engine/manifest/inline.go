package manifest

import (
	"context"
	"encoding/binary"
	"slices"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// inlineTree is the attributes tree of a small directory, which stands in the
// directory's entry: a leaf without its header and ids. As a field's value:
//
//	#node ids taken | #chunk ids taken | #entries | entries
//
// Its slices alias what it was read from.
type inlineTree struct {
	ids     deps
	count   int
	entries []byte
}

// readInline decodes the value of a field. What is in the entries is looked at
// when they are read, as with any page.
func readInline(v *wire.Reader, own *deps) (t inlineTree) {
	t.ids = own.take(v)
	t.count = v.Count(1)
	t.entries = v.Bytes(v.Len())
	if n := len(t.entries) + len(t.ids.nodes) + len(t.ids.chunks); n > InlineAttrs {
		v.Failf("an inline subtree of %d bytes, want at most %d", n, InlineAttrs)
	}
	return t
}

// appendTo encodes the value of a field.
func (t inlineTree) appendTo(dst []byte) []byte {
	for _, n := range [...]int{len(t.ids.nodes) / chunker.IDSize, len(t.ids.chunks) / chunker.IDSize, t.count} {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	return append(dst, t.entries...)
}

// node encodes t as the node that it would be if it were stored.
func (t inlineTree) node() []byte {
	const head = 3 + 3*binary.MaxVarintLen16
	b := make([]byte, 0, head+len(t.ids.nodes)+len(t.ids.chunks)+len(t.entries))
	b = append(b, formatVersion, byte(chunker.AttrsNode), 0)
	for _, ids := range [...][]byte{t.ids.nodes, t.ids.chunks} {
		b = append(binary.AppendUvarint(b, uint64(len(ids)/chunker.IDSize)), ids...)
	}
	return append(binary.AppendUvarint(b, uint64(t.count)), t.entries...)
}

// inlineOf is the tree whose node is given.
func inlineOf(node []byte) (t inlineTree) {
	r := wire.NewReader(node)
	readHeader(r, len(node))
	t.ids, t.count = readDeps(r), r.Count(1)
	t.entries = r.Bytes(r.Len())
	return t
}

// InlineNode is the attributes node of a directory that stands in the entry
// and is not stored: what a Source would return for Tree if it were. nil if
// there is none. It must not be changed.
func (a *Attr) InlineNode() []byte { return a.node }

// setInline makes a that of a directory whose attributes node is not stored.
// It keeps node.
func (a *Attr) setInline(node []byte) {
	a.node, a.Tree = node, chunker.AttrsNode.Sum(node)
}

// finishAttrs ends the attributes of d, which are e's below. A small tree is
// not stored; its node is then good until the next node is made.
func (d *openDir) finishAttrs(ctx context.Context, e *Entry) (err error) {
	if node := d.attrs.small(InlineAttrs); node != nil {
		e.Attr.setInline(node)
		return nil
	}
	e.Attr.Tree, _, err = d.attrs.finish(ctx)
	return err
}

// encodeAttrs fills b.piece[1]. A node for which the entry has no room is
// stored after all.
func (b *Builder) encodeAttrs(ctx context.Context, e *Entry, hash uint64) error {
	p := &b.piece[1]
	err := p.attrs(e, hash)
	if err == nil || e.Attr.node == nil {
		return err
	}
	outside := *e
	outside.Attr.node = nil
	if err := p.attrs(&outside, hash); err != nil {
		return err
	}
	nodes, chunks, err := Deps(e.Attr.node)
	if err == nil {
		_, err = b.sink.PutNode(ctx, chunker.AttrsNode, e.Attr.node, slices.Concat(nodes, chunks))
	}
	return b.fail(err)
}
