package manifest

import (
	"encoding/binary"
	"fmt"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// piece is an encoded entry on its way into a page. It is reused, so that
// writing an entry allocates nothing once its buffers have grown.
type piece struct {
	name          string // "" in chunk lists
	hash          uint64 // decides whether the page ends here
	sum           Summary
	body          []byte
	nodes, chunks []chunker.ID
	rest          []byte                // unknown fields not yet in body
	value         [InlineAttrs + 8]byte // room for a field while it is encoded; a longer one is allocated
}

// size is what counts against the limits of a page.
func (p *piece) size() int {
	return len(p.body) + chunker.IDSize*(len(p.nodes)+len(p.chunks))
}

func (p *piece) reset(name string, hash uint64) {
	p.name, p.hash, p.sum = name, hash, Summary{}
	p.body, p.nodes, p.chunks = p.body[:0], p.nodes[:0], p.chunks[:0]
}

// begin encodes an entry's head, for known fields and unknown ones. The ids
// of the known ones must be in place.
func (p *piece) begin(known int, u fields) {
	p.nodes, p.chunks = append(p.nodes, u.nodes...), append(p.chunks, u.chunks...)
	p.body = wire.AppendCounted(p.body, p.name)
	for _, n := range [...]int{len(p.nodes), len(p.chunks), known + u.count} {
		p.body = binary.AppendUvarint(p.body, uint64(n))
	}
	p.rest = u.bytes
}

// field encodes a known field, behind the unknown ones with lower tags.
func (p *piece) field(tag uint64, value []byte) {
	for len(p.rest) > 0 {
		unknown, n := binary.Uvarint(p.rest)
		if unknown > tag {
			break
		}
		size, m := binary.Uvarint(p.rest[n:])
		end := n + m + int(size)
		p.body, p.rest = append(p.body, p.rest[:end]...), p.rest[end:]
	}
	p.body = wire.AppendCounted(binary.AppendUvarint(p.body, tag), value)
}

// end adds the unknown fields that are left.
func (p *piece) end() error {
	p.body, p.rest = append(p.body, p.rest...), nil
	if p.size() > EntryMax {
		return fmt.Errorf("%w: %q: %d bytes encoded, want at most %d", ErrEntry, p.name, p.size(), EntryMax)
	}
	return nil
}

// content encodes the content side of e, which checkEntry has passed.
func (p *piece) content(e *Entry, hash uint64) error {
	p.reset(e.Name, hash)
	p.sum = share(e.Kind, e.Size, e.Summary)
	known := 2 // kind and what each kind has
	switch e.Kind {
	case File:
		if e.Exec {
			known++
		}
		if e.Size > 0 {
			known++
		}
		if !e.Content.List.IsZero() {
			p.nodes = append(p.nodes, e.Content.List)
		}
		for _, s := range e.Content.Segments {
			if !s.Zero() {
				p.chunks = append(p.chunks, s.ID)
			}
		}
	case Symlink:
		p.sum.Bytes = int64(len(e.Target))
	case Dir:
		p.nodes = append(p.nodes, e.Tree)
	}
	u := e.unknownContent()
	p.begin(known, u)
	p.field(tagKind, append(p.value[:0], byte(e.Kind)))
	switch e.Kind {
	case File:
		p.file(e)
	case Symlink:
		p.field(tagTarget, append(p.value[:0], e.Target...))
	case Dir:
		p.field(tagTree, appendSummary(p.value[:0], e.Summary))
	}
	return p.end()
}

func (p *piece) file(e *Entry) {
	if e.Exec {
		p.field(tagExec, nil)
	}
	p.field(tagSize, binary.AppendUvarint(p.value[:0], uint64(e.Size)))
	if len(e.Content.Segments) > 0 {
		v := p.value[:0]
		for _, s := range e.Content.Segments {
			v = appendSegment(v, s)
		}
		p.field(tagSegments, v)
	} else if e.Content.Count > 0 {
		p.field(tagList, binary.AppendUvarint(p.value[:0], uint64(e.Content.Count)))
	}
}

// attrs encodes the attributes of e, which checkEntry has passed.
func (p *piece) attrs(e *Entry, hash uint64) error {
	p.reset(e.Name, hash)
	a := &e.Attr
	known := 2
	if !a.Tree.IsZero() {
		known++
		p.treeIDs(a)
	}
	if a.Owner.Known {
		known += 2
	}
	if len(a.Xattrs) > 0 {
		known++
	}
	if !a.Links.IsZero() {
		known++
	}
	p.begin(known, e.unknownAttrs())
	p.field(tagMode, binary.AppendUvarint(p.value[:0], uint64(a.Mode)))
	v := binary.AppendVarint(p.value[:0], a.MTime.Unix())
	p.field(tagMTime, binary.AppendUvarint(v, uint64(a.MTime.Nanosecond())))
	if !a.Tree.IsZero() {
		p.tree(a)
	}
	if a.Owner.Known {
		p.field(tagUID, binary.AppendUvarint(p.value[:0], uint64(a.Owner.UID)))
		p.field(tagGID, binary.AppendUvarint(p.value[:0], uint64(a.Owner.GID)))
	}
	if len(a.Xattrs) > 0 {
		p.field(tagXattrs, appendXattrs(p.value[:0], a.Xattrs))
	}
	if !a.Links.IsZero() {
		p.field(tagLinks, binary.AppendUvarint(append(p.value[:0], a.Links.Group[:]...), uint64(a.Links.Count)))
	}
	return p.end()
}

// treeIDs takes what a directory's attributes tree refers to, or the tree.
func (p *piece) treeIDs(a *Attr) {
	if a.node == nil {
		p.nodes = append(p.nodes, a.Tree)
		return
	}
	t := inlineOf(a.node)
	p.nodes, p.chunks = appendIDs(p.nodes, t.ids.nodes), appendIDs(p.chunks, t.ids.chunks)
}

// tree encodes a directory's attributes tree, or that it is stored.
func (p *piece) tree(a *Attr) {
	if a.node == nil {
		p.field(tagSubtree, nil)
	} else {
		p.field(tagInline, inlineOf(a.node).appendTo(p.value[:0]))
	}
}

// segment encodes an entry of a chunk list leaf.
func (p *piece) segment(s Segment) {
	p.reset("", neverEnds)
	p.sum = Summary{Entries: 1, Bytes: s.Length}
	p.body = appendSegment(p.body, s)
	if !s.Zero() {
		p.hash = idHash(s.ID)
		p.chunks = append(p.chunks, s.ID)
	}
}

// inner encodes the entry of a page in the page above it.
func (p *piece) inner(kind chunker.Kind, id chunker.ID, name string, sum Summary) {
	p.reset(name, idHash(id))
	p.sum = sum
	p.nodes = append(p.nodes, id)
	switch kind {
	case chunker.DirNode:
		p.body = appendSummary(wire.AppendCounted(p.body, name), sum)
	case chunker.AttrsNode:
		p.body = wire.AppendCounted(p.body, name)
	case chunker.ListNode:
		p.body = binary.AppendUvarint(p.body, uint64(sum.Bytes))
		p.body = binary.AppendUvarint(p.body, uint64(sum.Entries))
	}
}
