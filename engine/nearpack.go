package engine

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"sync/atomic"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// nearPack is a pack's data chunks.
type nearPack struct {
	number   uint32
	ids      []chunker.ID // in the pack's order
	at       []uint32     // a hash table: where in ids one stands, and 1; 0 is free
	shift    int
	places   []nearPlace  // of the ids; nil: some stand elsewhere, as the index has it
	put      int64        // the how manieth it is that was taken in
	used     atomic.Int64 // tick of the last call that it answered
	followed atomic.Bool  // the pack that was stored after it has been looked for
}

// nearPlace is where in its pack a chunk stands.
type nearPlace struct{ frame, offset, length uint32 }

// newNearPack makes one of a pack's entries, with their places if placed.
func newNearPack(number uint32, entries []packfile.Entry, placed bool) *nearPack {
	places := bits.Len(uint(len(entries) + len(entries)/2)) // a third of them is free at least
	p := &nearPack{number: number, ids: make([]chunker.ID, len(entries)), at: make([]uint32, 1<<places), shift: 64 - places}
	for i := range entries {
		p.ids[i] = entries[i].ID
		slot := p.slot(&p.ids[i])
		for p.at[slot] != 0 {
			slot = (slot + 1) & (len(p.at) - 1)
		}
		p.at[slot] = uint32(i) + 1
	}
	if placed {
		p.places = make([]nearPlace, len(entries))
		for i := range entries {
			p.places[i] = nearPlace{entries[i].Frame, entries[i].Offset, entries[i].Length}
		}
	}
	return p
}

// location is where the index has the i-th chunk, but for its references.
func (p *nearPack) location(i int) index.Location {
	at := p.places[i]
	return index.Location{Pack: p.number, Frame: at.frame, Offset: at.offset, Length: at.length, Kind: chunker.Data}
}

// slot is where an id is looked for first. Ids are hashes already; nobody can choose
// content for them to meet in one place.
func (p *nearPack) slot(id *chunker.ID) int {
	return int(binary.LittleEndian.Uint64(id[:]) * nearSalt >> p.shift)
}

var nearSalt = rand.Uint64() | 1

// find says where in the pack a chunk is. expected is where it is looked for first.
func (p *nearPack) find(id *chunker.ID, expected int) (at int, ok bool) {
	if expected < len(p.ids) && p.ids[expected] == *id {
		return expected, true
	}
	for slot := p.slot(id); p.at[slot] != 0; slot = (slot + 1) & (len(p.at) - 1) {
		if at := int(p.at[slot] - 1); p.ids[at] == *id {
			return at, true
		}
	}
	return 0, false
}
