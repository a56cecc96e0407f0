package index

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/artifortress/afs-engine/chunker"
)

// pending is the chunk rows that a batch has made, changed or met, each once.
// They become rows of Pebble's all together, in order, when the batch is
// checked.
type pending struct {
	rows []pendingRow
	last map[uint64]int32 // by the filter's key: the newest row with it
}

type pendingRow struct {
	id    chunker.ID
	loc   Location // if rowThere
	delta int64    // change of the refcount that is not yet in loc
	next  int32    // the row before with the same key, noRow if there is none
	state rowState
}

// noRow ends the rows with the same key.
const noRow = int32(-1)

type rowState uint8

const (
	rowThere   rowState = 1 << iota // loc is the row; without it nobody has looked yet
	rowFresh                        // Pebble has none
	rowChanged                      // to be written
	rowAlone                        // Pebble has it, and no other row with the same key
)

func (r *pendingRow) is(s rowState) bool { return r.state&s != 0 }

// first is the newest row with a key.
func (p *pending) first(key uint64) int32 {
	if i, ok := p.last[key]; ok {
		return i
	}
	return noRow
}

// find is the row of id.
func (p *pending) find(id chunker.ID) int32 {
	i := p.first(keyOf(id))
	for i != noRow && p.rows[i].id != id {
		i = p.rows[i].next
	}
	return i
}

// at is the row of id, new if need be.
func (p *pending) at(id chunker.ID) int32 {
	i := p.find(id)
	if i == noRow {
		i = p.push(id)
	}
	return i
}

func (p *pending) push(id chunker.ID) int32 {
	if p.last == nil {
		p.last = map[uint64]int32{}
	}
	key, i := keyOf(id), int32(len(p.rows))
	p.rows = append(p.rows, pendingRow{id: id, next: p.first(key)})
	p.last[key] = i
	return i
}

// room makes place for so many rows more.
func (p *pending) room(n int) {
	p.rows = slices.Grow(p.rows, n)
	if p.last == nil {
		p.last = make(map[uint64]int32, n)
	}
}

// write puts the changed rows into b in the order of their keys, as Pebble
// takes them fastest, and returns the filter's keys of those that are fresh, in
// that order too.
func (p *pending) write(b *pebble.Batch) (fresh []uint64, err error) {
	n := 0
	for i := range p.rows {
		if p.rows[i].is(rowFresh) {
			n++
		}
	}
	prefix := chunkPrefix()
	fresh = make([]uint64, 0, n)
	for _, o := range inOrder(len(p.rows), func(i int) *chunker.ID { return &p.rows[i].id }) {
		r := &p.rows[o.i]
		if !r.is(rowChanged) {
			continue
		}
		op := b.SetDeferred(len(prefix)+len(r.id), locationLen)
		copy(op.Key[copy(op.Key, prefix):], r.id[:])
		r.loc.append(op.Value[:0])
		if err := op.Finish(); err != nil {
			return nil, err
		}
		if r.is(rowFresh) {
			fresh = append(fresh, o.key)
		}
	}
	return fresh, nil
}

// place says where something with an id stands in a list.
type place struct {
	key uint64
	i   int32
}

// inOrder is the order of n things by their ids, those with one id in theirs.
// Rows that are met in the order of keys are found several to a block; met in
// any other, each would need a block of its own to be read.
func inOrder(n int, id func(i int) *chunker.ID) []place {
	order := make([]place, n)
	for i := range order {
		order[i] = place{keyOf(*id(i)), int32(i)}
	}
	slices.SortFunc(order, func(x, y place) int {
		if x.key != y.key {
			return cmp.Compare(x.key, y.key)
		}
		return cmp.Or(bytes.Compare(id(int(x.i))[:], id(int(y.i))[:]), cmp.Compare(x.i, y.i))
	})
	return order
}

// rowKeyOf is the first key of Pebble's that begins with the filter's key.
func rowKeyOf(dst []byte, key uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, chunkPrefix()...), key)
}
