package engine

import (
	"context"
	"slices"

	"github.com/artifortress/afs-engine/chunker"
)

// nodeSink stores what the manifest builders make. It gathers nodes so that
// they are looked up together, and puts them in the order in which they came:
// each after all that it refers to. Flush it at the end.
type nodeSink struct {
	s     storer
	nodes []gatheredNode
	ids   []chunker.ID
	have  []bool
	bytes []byte       // of all nodes
	deps  []chunker.ID // of all nodes
}

// gatheredNode ends where it says in bytes and deps.
type gatheredNode struct {
	kind        chunker.Kind
	bytes, deps int
}

// Bounds of what is gathered. One node may be larger.
const (
	gatherNodes = 64
	gatherBytes = 256 << 10
)

// PutNode implements manifest.Sink.
func (n *nodeSink) PutNode(ctx context.Context, kind chunker.Kind, data []byte, deps []chunker.ID) (chunker.ID, error) {
	id := kind.Sum(data)
	n.ids = append(n.ids, id)
	n.bytes, n.deps = append(n.bytes, data...), append(n.deps, deps...)
	n.nodes = append(n.nodes, gatheredNode{kind, len(n.bytes), len(n.deps)})
	if len(n.nodes) < gatherNodes && len(n.bytes) < gatherBytes {
		return id, nil
	}
	return id, n.flush(ctx)
}

func (n *nodeSink) flush(ctx context.Context) error {
	if len(n.nodes) == 0 {
		return nil
	}
	n.have = slices.Grow(n.have[:0], len(n.ids))[:len(n.ids)]
	asOf, err := n.s.known(ctx, n.ids, n.have)
	if err != nil {
		return err
	}
	bytes, deps := 0, 0
	for i, g := range n.nodes {
		if !n.have[i] {
			c := chunk{kind: g.kind, id: n.ids[i], data: n.bytes[bytes:g.bytes], deps: n.deps[deps:g.deps], asOf: asOf}
			if _, err := n.s.put(ctx, c); err != nil {
				return err
			}
		}
		bytes, deps = g.bytes, g.deps
	}
	n.nodes, n.ids, n.bytes, n.deps = n.nodes[:0], n.ids[:0], n.bytes[:0], n.deps[:0]
	return nil
}
