package manifest

import (
	"bytes"
	"slices"

	"github.com/artifortress/afs-engine/chunker"
)

// unknown is what fields with unknown tags said, on both sides of an entry.
type unknown struct{ content, attrs fields }

// fields are encoded fields, and the ids they take.
type fields struct {
	count         int
	bytes         []byte
	nodes, chunks []chunker.ID
}

func (f fields) equal(g fields) bool {
	return f.count == g.count && bytes.Equal(f.bytes, g.bytes) && slices.Equal(f.nodes, g.nodes) && slices.Equal(f.chunks, g.chunks)
}

// unknownContent and unknownAttrs are empty for most entries.
func (e *Entry) unknownContent() fields {
	if e.unknown == nil {
		return fields{}
	}
	return e.unknown.content
}

func (e *Entry) unknownAttrs() fields {
	if e.unknown == nil {
		return fields{}
	}
	return e.unknown.attrs
}

// setUnknown returns where e's unknown fields go.
func (e *Entry) setUnknown() *unknown {
	if e.unknown == nil {
		e.unknown = new(unknown)
	}
	return e.unknown
}
