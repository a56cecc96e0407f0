package index

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile"
)

// model is what the index should say, kept as simply as can be.
type model struct {
	chunks map[chunker.ID]*modelChunk
	order  []chunker.ID
	packs  []*packfile.Index
}

type modelChunk struct {
	pack   int
	length uint32
	node   bool
	refs   int64
	pins   int64 // of refs, those that AddRef made
}

// addPack makes a pack of known and unknown chunks and nodes.
func (m *model) addPack(r *rand.Rand) *packfile.Index {
	n := len(m.packs)
	var entries []packfile.Entry
	for range 1 + r.IntN(6) {
		id, length := idOf(r.Uint32(), r.Uint32()), 1+r.Uint32N(1000)
		var deps []chunker.ID
		isNode := n%2 == 1
		if old := m.pick(r); old != (chunker.ID{}) && m.chunks[old].node == isNode && r.IntN(3) == 0 {
			// A copy: the first one has been counted.
			entries = append(entries, packfile.Entry{ID: old, Kind: kindOf(isNode), Length: m.chunks[old].length})
			continue
		}
		if isNode {
			for range r.IntN(5) {
				deps = append(deps, m.pick(r))
			}
			entries = append(entries, node(id, length, deps...))
		} else {
			entries = append(entries, data(id, length))
		}
		for _, d := range deps {
			m.chunks[d].refs++
		}
		m.chunks[id] = &modelChunk{pack: n, length: length, node: isNode}
		m.order = append(m.order, id)
	}
	x := packOf(byte(n), entries...)
	x.ID[1] = byte(n >> 8)
	m.packs = append(m.packs, x)
	return x
}

func kindOf(isNode bool) chunker.Kind {
	if isNode {
		return chunker.DirNode
	}
	return chunker.Data
}

func (m *model) pick(r *rand.Rand) chunker.ID {
	if len(m.order) == 0 {
		return chunker.ID{}
	}
	return m.order[r.IntN(len(m.order))]
}

// compare holds the index to the model.
func (m *model) compare(t *testing.T, db *DB) {
	t.Helper()
	want := Totals{Packs: int64(len(m.packs)), NextPack: uint64(len(m.packs))}
	live := make([]int64, len(m.packs))
	for id, c := range m.chunks {
		loc, ok, err := db.Lookup(id)
		if err != nil || !ok || int64(loc.Refs) != c.refs || int(loc.Pack) != c.pack || loc.Length != c.length || loc.Kind != kindOf(c.node) {
			t.Fatalf("%s is at %+v (%v, %v), want %+v", id, loc, ok, err, c)
		}
		if c.refs > 0 {
			live[c.pack] += int64(c.length)
		}
		if c.node {
			want.Nodes++
			want.NodeBytes += int64(c.length)
		} else {
			want.Chunks++
			want.UniqueBytes += int64(c.length)
		}
	}
	n := 0
	check(t, db.Packs(0, func(i uint32, p Pack) error {
		x := m.packs[i]
		if int(i) != n || p.ID != x.ID || p.LiveRaw != live[i] || p.Chunks != uint32(len(x.Entries)) {
			t.Fatalf("pack %d is %+v, want %d live bytes", i, p, live[i])
		}
		want.PackBytes += x.Size
		n++
		return nil
	}))
	if got, err := db.Totals(); err != nil || got != want || n != len(m.packs) {
		t.Fatalf("totals %+v, %v, want %+v, %d packs", got, err, want, n)
	}
}

func TestRandomChangesAgreeWithAModel(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 1))
		dir := t.TempDir()
		db := open(t, dir)
		m := &model{chunks: map[chunker.ID]*modelChunk{}}
		for range 60 {
			check(t, change(db, func(b *Batch) error {
				for range 1 + r.IntN(4) {
					switch id := m.pick(r); {
					case id == chunker.ID{} || r.IntN(3) == 0:
						x := m.addPack(r)
						if err := b.AddPack(x, noExact); err != nil {
							return err
						}
					case r.IntN(4) == 0:
						if err := b.AddPack(m.packs[r.IntN(len(m.packs))], noExact); err != nil { // again
							return err
						}
					case m.chunks[id].pins > 0 && r.IntN(2) == 0:
						m.chunks[id].pins--
						m.chunks[id].refs--
						b.AddRef(id, -1)
					default:
						m.chunks[id].pins++
						m.chunks[id].refs++
						b.AddRef(id, 1)
					}
				}
				return nil
			}))
			// What is abandoned must leave no trace.
			if abandon := errors.New("abandoned"); r.IntN(3) == 0 {
				err := change(db, func(b *Batch) error {
					b.AddRef(m.pick(r), 5)
					if err := b.AddPack(packOf(255, data(idOf(r.Uint32(), 0), 9)), noExact); err != nil {
						return err
					}
					return abandon
				})
				if !errors.Is(err, abandon) {
					t.Fatal(err)
				}
			}
			if r.IntN(20) == 0 {
				check(t, db.Close())
				db = open(t, dir)
			}
		}
		m.compare(t, db)
		check(t, db.Close())
	}
}
