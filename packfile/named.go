package packfile

import (
	"slices"

	"github.com/artifortress/afs-engine/chunker"
)

// named is what is in a frame, by position, and what it is called.
type named struct {
	chunks [][]byte
	ids    []chunker.ID
}

// name cuts raw, a decoded frame, as its entries say, and computes the ids:
// those of a kind that stand together at once.
func (n *named) name(raw []byte, entries []Entry) {
	n.chunks = n.chunks[:0]
	for _, e := range entries {
		n.chunks = append(n.chunks, raw[e.Offset:e.Offset+e.Length])
	}
	n.ids = slices.Grow(n.ids[:0], len(entries))[:len(entries)]
	for i := 0; i < len(entries); {
		first := i
		for i++; i < len(entries) && entries[i].Kind == entries[first].Kind; i++ {
		}
		entries[first].Kind.SumAll(n.ids[first:i], n.chunks[first:i])
	}
}
