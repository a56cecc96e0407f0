package index

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile"
)

// ExactDeps reads the ids that a node of pack x depends on from the node itself;
// for a data chunk, those that its delta frame depends on. It is asked only if the
// prefixes in the index block fit several ids.
type ExactDeps func(x *packfile.Index, e packfile.Entry) ([]chunker.ID, error)

// AddPack enters a pack: its frames, a row for each chunk that has none yet,
// and the edges of the nodes among them and of delta frames. A pack that is there
// already changes nothing.
func (b *Batch) AddPack(x *packfile.Index, exact ExactDeps) error {
	err := b.addPack(x, exact)
	if err != nil {
		b.failed = err
	}
	return err
}

func (b *Batch) addPack(x *packfile.Index, exact ExactDeps) error {
	b.ready = false
	if _, ok, err := packNumber(b.b, x.ID); ok || err != nil {
		return err
	}
	if x.Domain != domain {
		return fmt.Errorf("add pack %s: dedup domain %d is not known", x.ID, x.Domain)
	}
	if b.totals.NextPack > math.MaxUint32 {
		return fmt.Errorf("add pack %s: no pack numbers are left", x.ID)
	}
	n := uint32(b.totals.NextPack)
	p := Pack{ID: x.ID, Class: x.Class, Size: x.Size, Chunks: uint32(len(x.Entries))}
	for i, f := range x.Frames {
		p.Raw += int64(f.Raw)
		if err := b.frames.Set(frameKey(n, uint32(i)), encodeFrame(f), nil); err != nil {
			return err
		}
	}
	nodes, err := b.addChunks(n, x.Entries)
	if err != nil {
		return err
	}
	b.totals.NextPack++
	b.totals.Packs++
	b.totals.PackBytes += x.Size
	if err := errors.Join(b.b.Set(packKey(n), p.encode(), nil), b.b.Set(packIDKey(x.ID), packKey(n)[1:], nil)); err != nil {
		return err
	}
	return b.countEdges(x, n, append(nodes, deltas(x)...), exact)
}

// addChunks makes rows for the entries of pack n that have none, and returns
// the nodes among these.
func (b *Batch) addChunks(n uint32, entries []packfile.Entry) (nodes []*packfile.Entry, err error) {
	f, err := b.db.loadFilter()
	if err != nil {
		return nil, err
	}
	b.chunks.room(len(entries))
	for _, o := range inOrder(len(entries), func(i int) *chunker.ID { return &entries[i].ID }) {
		e := &entries[o.i]
		at := b.chunks.find(e.ID)
		if at != noRow && b.chunks.rows[at].is(rowThere) {
			continue
		}
		if f.Has(keyOf(e.ID)) {
			if _, ok, err := b.db.Lookup(e.ID); ok {
				continue
			} else if err != nil {
				return nil, err
			}
		}
		if at == noRow {
			at = b.chunks.push(e.ID)
		}
		r := &b.chunks.rows[at]
		r.loc = Location{Pack: n, Frame: e.Frame, Offset: e.Offset, Length: e.Length, Kind: e.Kind}
		r.state = rowThere | rowFresh | rowChanged
		if e.Kind.IsNode() {
			nodes = append(nodes, e)
			b.totals.Nodes++
			b.totals.NodeBytes += int64(e.Length)
		} else {
			b.totals.Chunks++
			b.totals.UniqueBytes += int64(e.Length)
		}
	}
	return nodes, nil
}

// edge is a reference of a node.
type edge struct {
	to   uint64 // the filter's key of what it refers to
	node int32  // whose it is
	row  int32  // of what it refers to; severalRows if the key does not tell
}

const severalRows = int32(-2)

// edgesMax is about how many edges are looked at together.
const edgesMax = 1 << 16

// deltas returns an entry for each delta frame, with what the frame depends on.
// A frame is there once, and so are its references, whoever else has its chunks.
func deltas(x *packfile.Index) (frames []*packfile.Entry) {
	at := 0
	for i := range x.Frames {
		if deps := x.Bases(i); deps != nil {
			e := x.Entries[at]
			e.Deps = deps
			frames = append(frames, &e)
		}
		at += int(x.Frames[i].Entries)
	}
	return frames
}

// countEdges adds the references that nodes and delta frames of pack n make.
// Every chunk they refer to must have a row by now; that of a delta's base, in
// another pack.
func (b *Batch) countEdges(x *packfile.Index, pack uint32, nodes []*packfile.Entry, exact ExactDeps) error {
	r := resolver{b: b}
	var edges []edge
	for len(nodes) > 0 {
		edges = edges[:0]
		n := 0
		for ; n < len(nodes) && len(edges) < edgesMax; n++ {
			for _, d := range nodes[n].Deps {
				edges = append(edges, edge{to: keyOfPrefix(d), node: int32(n)})
			}
		}
		if err := b.count(&r, x, pack, nodes[:n], edges, exact); err != nil {
			return err
		}
		nodes = nodes[n:]
	}
	return nil
}

func (b *Batch) count(r *resolver, x *packfile.Index, pack uint32, nodes []*packfile.Entry, edges []edge, exact ExactDeps) (err error) {
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Compare(a.to, b.to) }) // see inOrder

	var unclear []int32 // nodes, perhaps several times
	ahead := 0          // edges whose rows have been read
	for i := range edges {
		if i == ahead {
			n, err := r.ahead(edges[i:])
			if err != nil {
				return err
			}
			ahead += n
		}
		e := &edges[i]
		if i > 0 && e.to == edges[i-1].to {
			e.row = edges[i-1].row
		} else if e.row, err = r.resolve(e.to); err != nil {
			return err
		}
		switch e.row {
		case noRow:
			return fmt.Errorf("%w: %v %s, reference %016x…", ErrDangling, nodes[e.node].Kind, nodes[e.node].ID, e.to)
		case severalRows:
			unclear = append(unclear, e.node)
		default:
			if r := &b.chunks.rows[e.row]; !nodes[e.node].Kind.IsNode() && r.is(rowThere) && r.loc.Pack == pack {
				return fmt.Errorf("%w: a delta refers to its own pack for %s", ErrDangling, r.id)
			}
			b.chunks.rows[e.row].delta++
		}
	}
	slices.Sort(unclear)
	for _, n := range slices.Compact(unclear) {
		ids, err := exactDeps(x, nodes[n], exact)
		if err != nil {
			return err
		}
		for _, id := range ids {
			// The others were clear, and are counted.
			if row, err := r.resolve(keyOf(id)); err != nil {
				return err
			} else if row == severalRows {
				b.AddRef(id, 1)
			}
		}
	}
	return nil
}

// exactDeps asks for the references of a node, which must be those that the
// index block has prefixes of.
func exactDeps(x *packfile.Index, node *packfile.Entry, exact ExactDeps) ([]chunker.ID, error) {
	ids, err := exact(x, *node)
	if err != nil {
		return nil, err
	}
	got, want := make([]uint64, len(ids)), make([]uint64, len(node.Deps))
	for i, id := range ids {
		got[i] = keyOf(id)
	}
	for i, d := range node.Deps {
		want[i] = keyOfPrefix(d)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return nil, fmt.Errorf("%w: node %s has other references than its pack's index says", ErrDangling, node.ID)
	}
	return ids, nil
}

// resolver finds rows by the filter's keys: fresh ones in the batch, the others in
// Pebble, which is asked for many at once.
type resolver struct {
	b    *Batch
	buf  []stored
	read []stored // what of buf may still be asked for, in this order
}

// ahead reads what Pebble has of the keys of the first edges, and returns of how many.
func (r *resolver) ahead(edges []edge) (n int, err error) {
	f, err := r.b.db.loadFilter()
	if err != nil {
		return 0, err
	}
	r.buf = r.buf[:0]
	for ; n < len(edges) && len(r.buf) < fetchMax; n++ {
		if key := edges[n].to; (n == 0 || key != edges[n-1].to) && f.Has(key) && !r.asked(key) {
			r.buf = append(r.buf, stored{key: key})
		}
	}
	r.read = r.buf
	return n, r.b.db.fetch(r.buf)
}

// asked reports whether Pebble's row of a key is in the batch already.
func (r *resolver) asked(key uint64) bool {
	for i := r.b.chunks.first(key); i != noRow; i = r.b.chunks.rows[i].next {
		if r.b.chunks.rows[i].is(rowAlone) {
			return true
		}
	}
	return false
}

// resolve is the row of the one chunk whose id begins with key; noRow if there
// is none, severalRows if there are several.
func (r *resolver) resolve(key uint64) (int32, error) {
	f, err := r.b.db.loadFilter()
	if err != nil {
		return noRow, err
	}
	chunks, found := &r.b.chunks, noRow
	asked := false // Pebble, before
	for i := chunks.first(key); i != noRow; i = chunks.rows[i].next {
		if row := &chunks.rows[i]; row.is(rowFresh | rowAlone) {
			asked = asked || row.is(rowAlone)
			if found != noRow {
				return severalRows, nil
			}
			found = i
		}
	}
	if asked || !f.Has(key) {
		return found, nil
	}
	return r.seek(key, found)
}

// seek goes on in Pebble's rows.
func (r *resolver) seek(key uint64, found int32) (row int32, err error) {
	for len(r.read) > 0 && r.read[0].key < key {
		r.read = r.read[1:]
	}
	if len(r.read) == 0 || r.read[0].key != key {
		r.read = []stored{{key: key}}
		if err := r.b.db.fetchPart(r.read); err != nil {
			return noRow, err
		}
	}
	switch s := &r.read[0]; {
	case s.rows == 0:
		return found, nil
	case s.rows > 1 || found != noRow:
		return severalRows, nil
	default:
		i := r.b.chunks.at(s.id)
		p := &r.b.chunks.rows[i]
		if !p.is(rowThere) {
			p.loc = s.loc
		}
		p.state |= rowThere | rowAlone
		return i, nil
	}
}
