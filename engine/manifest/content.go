package manifest

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// contentView is a decoded entry of a directory leaf. Its slices alias the
// node, so that a search that passes over an entry allocates nothing.
type contentView struct {
	kind     Kind
	exec     bool
	size     int64
	target   []byte
	segments []byte // encoded
	chunks   []byte // their ids
	nsegs    int
	list     chunker.ID
	count    int64 // segments in list
	tree     chunker.ID
	summary  Summary
	unknown  unknownView
}

// unknownView is fields before they are copied out of the node.
type unknownView struct {
	count int
	bytes []byte
	deps  deps
}

// add takes an encoded field, without room behind it. The first one stays
// where it is.
func (v *unknownView) add(field []byte) {
	if v.count++; v.count == 1 {
		v.bytes = field
	} else {
		v.bytes = append(v.bytes, field...)
	}
}

func (v unknownView) fields() fields {
	return fields{v.count, bytes.Clone(v.bytes), ids(v.deps.nodes), ids(v.deps.chunks)}
}

// field decodes one known field.
func (c *contentView) field(tag uint64, v *wire.Reader, own *deps) {
	switch tag {
	case tagKind:
		c.kind = Kind(v.U8())
	case tagExec:
		c.exec = true
	case tagTarget:
		c.target = v.Bytes(v.Len())
	case tagSize:
		c.size = readSize(v)
	case tagSegments:
		c.readSegments(v, own)
	case tagList:
		c.count = readSize(v)
		c.list = own.node(v)
	case tagTree:
		c.summary = readSummary(v)
		c.tree = own.node(v)
	}
}

// check holds the fields to the entry's kind. Bit t of have is set if there
// was a field t.
func (c *contentView) check(r *wire.Reader, have uint64) {
	const kind, exec = 1 << tagKind, 1 << tagExec
	const empty, inline, listed = kind | 1<<tagSize, kind | 1<<tagSize | 1<<tagSegments, kind | 1<<tagSize | 1<<tagList
	ok := false
	switch c.kind {
	case File:
		switch have &^ exec {
		case empty:
			ok = c.size == 0
		case inline:
			ok = c.nsegs > 0
		case listed:
			ok = c.count > InlineSegments && c.count <= c.size
		}
	case Symlink:
		ok = have == kind|1<<tagTarget && validTarget(c.target)
		c.size = int64(len(c.target))
	case Dir:
		ok = have == kind|1<<tagTree && c.summary.valid()
	}
	if !ok {
		r.Failf("fields do not make up a file, directory or symlink")
	}
}

func (c *contentView) readSegments(v *wire.Reader, own *deps) {
	c.segments, c.chunks = v.Bytes(v.Len()), own.chunks
	r := wire.NewReader(c.segments)
	var scan segmentScan
	left := c.size
	for r.Len() > 0 && r.Err() == nil {
		s := scan.next(r, own)
		c.nsegs++
		if left -= s.Length; left < 0 || c.nsegs > InlineSegments {
			r.Failf("more segments than the file has bytes, or more than %d", InlineSegments)
		}
	}
	if err := r.Err(); err != nil {
		v.Failf("%v", err)
	} else if left != 0 {
		v.Failf("segments miss the file's size by %d bytes", left)
	}
}

// segmentScan decodes segments one after the other.
type segmentScan struct{ zeros bool } // the last one was a run of zeros

func (s *segmentScan) next(r *wire.Reader, own *deps) (seg Segment) {
	u := r.Uvarint(math.MaxUint64)
	seg.Length = int64(u >> 1)
	zeros := u&1 != 0
	switch {
	case seg.Length == 0:
		r.Failf("an empty segment")
	case zeros && s.zeros:
		r.Failf("two runs of zeros in a row")
	case !zeros && seg.Length > chunker.MaxSize:
		r.Failf("a chunk of %d bytes, want at most %d", seg.Length, chunker.MaxSize)
	case !zeros:
		seg.ID = own.chunk(r)
	}
	s.zeros = zeros
	return seg
}

func appendSegment(dst []byte, s Segment) []byte {
	u := uint64(s.Length) << 1
	if s.Zero() {
		u |= 1
	}
	return binary.AppendUvarint(dst, u)
}

// fill copies the content side into e.
func (c *contentView) fill(e *Entry) {
	e.Kind, e.Exec, e.Size, e.Target = c.kind, c.exec, c.size, string(c.target)
	e.Tree, e.Summary = c.tree, c.summary
	e.Content = Content{List: c.list, Count: c.count}
	if c.nsegs > 0 {
		segs := make([]Segment, c.nsegs)
		var scan segmentScan
		r, own := wire.NewReader(c.segments), deps{chunks: c.chunks}
		for i := range segs {
			segs[i] = scan.next(r, &own)
		}
		e.Content.Segments = segs
	}
	if c.unknown.count > 0 {
		e.setUnknown().content = c.unknown.fields()
	}
}
