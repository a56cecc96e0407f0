package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// near answers for chunks that stand in the same packs as those that were asked
// about: content that is known comes in much the order in which it was stored, and
// a look into the index takes fifty times as long and more. (Locality-preserved caching: Zhu,
// Li, Patterson, "Avoiding the Disk Bottleneck in the Data Domain Deduplication File
// System", FAST 2008.) When a pack comes to its end, the one that was stored after it is
// read before anybody asks about it. Every chunk of a pack that the index has is in the
// index, so near never says more than the index would, as long as no rows are taken out
// of it.
type near struct {
	store backends.Store
	max   int // ids of all packs together

	mu    sync.RWMutex
	db    *index.DB // that it knows packs of
	packs []*nearPack
	ids   int            // of packs
	hits  map[uint32]int // lookups in the index that found something in a pack, since it was last here; never: it cannot be

	tick atomic.Int64
	last atomic.Int64 // the number of the pack that answered last
}

// nearPack is a pack's data chunks.
type nearPack struct {
	number   uint32
	ids      []chunker.ID // in the pack's order
	at       []uint32     // a hash table: where in ids one stands, and 1; 0 is free
	shift    int
	used     atomic.Int64 // tick of the last call that it answered
	followed atomic.Bool  // the pack that was stored after it has been looked for
}

const (
	nearMax      = 1 << 17       // some 6 MB
	nearHitsMin  = 32            // lookups in a pack before it is worth reading;
	nearHitsPart = 48            // a part of its chunks if that is more: to read an id takes about so much less time than a lookup
	nearPacksMax = 1 << 12       // packs whose lookups are counted
	nearEnd      = 8             // such a part of a pack is its end
	nearAhead    = 8             // packs that may be of another class before the one that comes after
	never        = math.MinInt32 // less than can be counted up
)

func newNear(s backends.Store, max int) *near {
	return &near{store: s, max: max, hits: map[uint32]int{}}
}

func newNearPack(number uint32, entries []packfile.Entry) *nearPack {
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
	return p
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

// Has is db.Has. All calls that are under way at once must have the same db.
func (n *near) Has(ctx context.Context, db *index.DB, ids []chunker.ID, have []bool) error {
	rest, at, ending := n.answer(db, ids, have)
	if ending != nil {
		n.follow(ctx, db, ending)
	}
	if len(rest) == 0 {
		return nil
	}
	found, packs := have, make([]uint32, len(rest))
	if at != nil {
		found = make([]bool, len(rest))
	}
	if err := db.Has(rest, found, packs); err != nil {
		return err
	}
	for i, to := range at {
		have[to] = found[i]
	}
	if number, pack, ok := n.count(db, found, packs); ok {
		n.load(ctx, number, pack)
	}
	return nil
}

// answer fills in what it knows, and returns the other ids, and where they stand:
// nil if it is all of them. A pack that has come to its end is returned once.
func (n *near) answer(db *index.DB, ids []chunker.ID, have []bool) (rest []chunker.ID, at []int, ending *nearPack) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.db != db || len(n.packs) == 0 {
		return ids, nil, nil
	}
	tick := n.tick.Add(1)
	p, next := n.lastLocked(), 0
	for i := range ids {
		to, ok := p.find(&ids[i], next)
		for k := 0; !ok && k < len(n.packs); k++ {
			if q := n.packs[k]; q != p {
				if to, ok = q.find(&ids[i], 0); ok {
					p = q
				}
			}
		}
		if have[i] = ok; ok {
			next = to + 1
			if p.used.Load() != tick {
				p.used.Store(tick)
			}
			if ending == nil && next > len(p.ids)-len(p.ids)/nearEnd && p.followed.CompareAndSwap(false, true) {
				ending = p
			}
			continue
		}
		if at == nil {
			rest, at = make([]chunker.ID, 0, len(ids)-i), make([]int, 0, len(ids)-i)
		}
		rest, at = append(rest, ids[i]), append(at, i)
	}
	n.last.Store(int64(p.number))
	return rest, at, ending
}

// lastLocked is the pack that answered last, or another one.
func (n *near) lastLocked() *nearPack {
	number := uint32(n.last.Load())
	for _, p := range n.packs {
		if p.number == number {
			return p
		}
	}
	return n.packs[0]
}

// follow reads the pack of data that was stored after p, if there is room for both.
func (n *near) follow(ctx context.Context, db *index.DB, p *nearPack) {
	var number uint32
	var pack index.Pack
	stop, left := errors.New("stop"), nearAhead
	err := db.Packs(p.number+1, func(x uint32, row index.Pack) error {
		if row.Class == packfile.ClassData {
			number, pack = x, row
			return stop
		}
		if left--; left == 0 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || number == 0 || len(p.ids)+int(pack.Chunks) > n.max || !n.claim(number) {
		return // what went wrong here goes wrong for whoever asks the index
	}
	n.load(ctx, number, pack)
}

// claim reports whether a pack is neither here nor out of reach, nor being read; the
// caller reads it.
func (n *near) claim(number uint32) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hits[number] < 0 || slices.ContainsFunc(n.packs, func(p *nearPack) bool { return p.number == number }) {
		return false
	}
	n.hits[number] = never
	return true
}

// count counts what was found where. It returns a pack that is worth reading now,
// and its number.
func (n *near) count(db *index.DB, found []bool, packs []uint32) (most uint32, pack index.Pack, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.db != db {
		n.db, n.packs, n.ids = db, nil, 0
		clear(n.hits)
	}
	if len(n.hits) > nearPacksMax {
		clear(n.hits)
	}
	for i, number := range packs {
		if found[i] {
			if n.hits[number]++; n.hits[number] > n.hits[most] {
				most = number
			}
		}
	}
	if n.hits[most] < nearHitsMin {
		return most, pack, false
	}
	pack, err := db.Pack(most)
	if err != nil || int(pack.Chunks) > n.max || pack.Class != packfile.ClassData {
		n.hits[most] = never
		return most, pack, false
	}
	if n.hits[most] < int(pack.Chunks)/nearHitsPart {
		return most, pack, false
	}
	n.hits[most] = never // nobody else reads it
	return most, pack, true
}

// load reads what is in a pack. If that cannot be had, the index has it all the same.
func (n *near) load(ctx context.Context, number uint32, pack index.Pack) {
	x, err := packfile.ReadIndex(ctx, n.store, pack.ID, pack.Size)
	if err != nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.hits[number] = never; ctx.Err() != nil { // else it would fail again
			delete(n.hits, number)
		}
		return
	}
	p := newNearPack(number, x.Entries)
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.hits, number)
	n.put(p)
}

// put takes p in, in the place of those that were used longest ago. The caller
// holds mu.
func (n *near) put(p *nearPack) {
	p.used.Store(n.tick.Load())
	for i, q := range n.packs {
		if q.number == p.number {
			n.drop(i)
			break
		}
	}
	for len(n.packs) > 0 && n.ids+len(p.ids) > n.max {
		oldest := 0
		for i, q := range n.packs {
			if q.used.Load() < n.packs[oldest].used.Load() {
				oldest = i
			}
		}
		n.drop(oldest)
	}
	n.packs = append(n.packs, p)
	n.ids += len(p.ids)
}

func (n *near) drop(i int) {
	n.ids -= len(n.packs[i].ids)
	n.packs[i] = n.packs[len(n.packs)-1]
	n.packs = n.packs[:len(n.packs)-1]
}
