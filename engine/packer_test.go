package engine

import (
	"encoding/binary"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/index"
)

// The index takes a pack's references in one change, held in memory, so a pack
// is full when it has many of them, however small it is.
func TestAPackOfManyReferencesIsFull(t *testing.T) {
	db, err := index.Open(t.TempDir(), index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	p, own := newPacker(&owner{db: db}, (*config)(nil).packing(), 1<<40), new(tally)
	const perNode = 1000
	for i := range uint64(2 * edgesMax / perNode) {
		b := binary.BigEndian.AppendUint64(nil, i)
		deps := make([]chunker.ID, perNode)
		for j := range deps {
			binary.BigEndian.PutUint64(deps[j][:], uint64(j)+1)
		}
		_, full, err := p.add(t.Context(), p.mark(), own, chunk{kind: chunker.DirNode, id: chunker.DirNode.Sum(b), data: b, deps: deps})
		if err != nil {
			t.Fatal(err)
		}
		if edges := int(i+1) * perNode; full != (edges >= edgesMax) {
			t.Fatalf("full is %v with %d references", full, edges)
		}
		if full {
			break
		}
	}
	p.take(true).abort()
}
