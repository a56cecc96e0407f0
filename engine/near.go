package engine

import (
	"context"
	"math"
	"sync"
	"sync/atomic"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// near answers for chunks that stand in the same packs as those that were asked
// about: content that is known comes in much the order in which it was stored, and
// a look into the index takes twenty times as long and more. (Locality-preserved caching: Zhu,
// Li, Patterson, "Avoiding the Disk Bottleneck in the Data Domain Deduplication File
// System", FAST 2008.) Every chunk of a pack that the index has is in the index, so
// near never says more than the index would, as long as no rows are taken out of it.
type near struct {
	store backends.Store
	max   int // ids of all packs together

	mu    sync.RWMutex
	db    *index.DB // that it knows packs of
	packs []*nearPack
	ids   int            // of packs
	hits  map[uint32]int // lookups in the index that found something in a pack, since it was last here; never: it cannot be

	tick atomic.Int64
}

// nearPack is a pack's data chunks.
type nearPack struct {
	number uint32
	ids    map[chunker.ID]struct{}
	used   atomic.Int64 // tick of the last call that it answered
}

const (
	nearMax      = 1 << 16       // some 5 MB
	nearHitsMin  = 32            // lookups in a pack before it is worth reading;
	nearHitsPart = 16            // a part of its chunks if that is more: to read an id takes about so much less time than a lookup
	nearPacksMax = 1 << 12       // packs whose lookups are counted
	never        = math.MinInt32 // less than can be counted up
)

func newNear(s backends.Store, max int) *near {
	return &near{store: s, max: max, hits: map[uint32]int{}}
}

// Has is db.Has. All calls that are under way at once must have the same db.
func (n *near) Has(ctx context.Context, db *index.DB, ids []chunker.ID, have []bool) error {
	rest, at := n.answer(db, ids, have)
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
// nil if it is all of them.
func (n *near) answer(db *index.DB, ids []chunker.ID, have []bool) (rest []chunker.ID, at []int) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.db != db || len(n.packs) == 0 {
		return ids, nil
	}
	tick := n.tick.Add(1)
	last := n.packs[0]
	for i, id := range ids {
		if _, have[i] = last.ids[id]; !have[i] {
			for _, p := range n.packs {
				if _, have[i] = p.ids[id]; have[i] {
					last = p
					break
				}
			}
		}
		if have[i] {
			last.used.Store(tick)
			continue
		}
		if at == nil {
			rest, at = make([]chunker.ID, 0, len(ids)-i), make([]int, 0, len(ids)-i)
		}
		rest, at = append(rest, id), append(at, i)
	}
	return rest, at
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
	n.hits[most] = 0 // nobody else reads it
	return most, pack, true
}

// load reads what is in a pack. If that cannot be had, the index has it all the same.
func (n *near) load(ctx context.Context, number uint32, pack index.Pack) {
	x, err := packfile.ReadIndex(ctx, n.store, pack.ID, pack.Size)
	if err != nil {
		if ctx.Err() == nil {
			n.mu.Lock()
			n.hits[number] = never // it would fail again
			n.mu.Unlock()
		}
		return
	}
	p := &nearPack{number: number, ids: make(map[chunker.ID]struct{}, len(x.Entries))}
	for i := range x.Entries {
		p.ids[x.Entries[i].ID] = struct{}{}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
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
