package engine

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/dataplane"
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
// of it. Where a chunk stands it says only of a pack all of whose chunks the index has
// there.
type near struct {
	store backends.Store
	local bool // the store is
	max   int  // ids of all packs together

	mu    sync.RWMutex
	db    *index.DB // that it knows packs of
	packs []*nearPack
	ids   int            // of packs
	puts  int64          // packs that were taken in, ever
	hits  map[uint32]int // lookups in the index that found something in a pack, since it was last here; never: it cannot be here, or is on its way

	tick atomic.Int64
	last atomic.Int64 // the number of the pack that answered last
}

const (
	nearMax      = 1 << 17       // some 8 MB
	nearCount    = 32            // packs: an id that is in none is looked for in each
	nearHitsMin  = 32            // lookups in a pack before it is worth reading;
	nearHitsPart = 48            // a part of its chunks if that is more: to read an id takes about so much less time than a lookup
	nearPacksMax = 1 << 12       // packs whose lookups are counted
	nearEnd      = 8             // such a part of a pack is its end
	nearAhead    = 8             // packs that may be of another class before the one that comes after
	nearPortion  = 256           // chunks that are looked up in the index before the others are looked for in packs that they lead to
	never        = math.MinInt32 // less than can be counted up
)

func newNear(s backends.Store, max int) *near {
	_, local := backends.As[backends.Local](s)
	return &near{store: s, local: local, max: max, hits: map[uint32]int{}}
}

// Has is db.Has. All calls that are under way at once must have the same db.
func (n *near) Has(ctx context.Context, db *index.DB, ids []chunker.ID, have []bool) error {
	q := nearQuery{db: db, ids: ids, absent: true, ahead: true, got: func(i int, _ *nearPack, _ int) bool {
		have[i] = true
		return true
	}}
	rest, ending := n.answer(&q, firstN(len(ids)))
	n.follow(ctx, db, ending)
	if len(rest) == 0 {
		return nil
	}
	asked, found, packs := make([]chunker.ID, len(rest)), make([]bool, len(rest)), make([]uint32, len(rest))
	for k, i := range rest {
		asked[k] = ids[i]
	}
	if err := db.Has(asked, found, packs); err != nil {
		return err
	}
	for k, i := range rest {
		have[i] = found[k]
	}
	n.count(ctx, db, found, packs)
	return nil
}

// Lookup finds where chunks are, like db.Lookup, but for Refs, which may be 0. Of a store
// that is not local it reads nothing.
func (n *near) Lookup(ctx context.Context, db *index.DB, ids []chunker.ID, places []dataplane.Place) error {
	portion := len(ids)
	if n.local {
		portion = nearPortion
	}
	q := nearQuery{db: db, ids: ids, ahead: n.local, got: func(i int, p *nearPack, at int) bool {
		if p.places != nil {
			places[i] = dataplane.Place{Location: p.location(at), Found: true}
		}
		return p.places != nil
	}}
	for rest := firstN(len(ids)); ; {
		var ending *nearPack
		rest, ending = n.answer(&q, rest)
		n.follow(ctx, db, ending)
		if len(rest) == 0 {
			return nil
		}
		asked := rest[:min(portion, len(rest))]
		rest = rest[len(asked):]
		if err := lookup(db, ids, asked, places); err != nil {
			return err
		}
		if !n.local {
			continue
		}
		found, packs := make([]bool, len(asked)), make([]uint32, len(asked))
		for k, i := range asked {
			found[k], packs[k] = places[i].Found, places[i].Pack
		}
		if !n.count(ctx, db, found, packs) {
			portion *= 2 // it is quicker to look up many
		}
	}
}

// lookup looks up those of ids that asked says, and changes its order: to the index's.
func lookup(db *index.DB, ids []chunker.ID, asked []int, places []dataplane.Place) (err error) {
	slices.SortFunc(asked, func(a, b int) int { return bytes.Compare(ids[a][:], ids[b][:]) })
	find, err := db.Finder()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, find.Close()) }()
	for k, i := range asked {
		p := &places[i]
		if k > 0 && ids[i] == ids[asked[k-1]] {
			*p = places[asked[k-1]]
		} else if p.Location, p.Found, err = find.Chunk(ids[i]); err != nil {
			return err
		}
	}
	return nil
}

func firstN(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// nearQuery is what answer is asked.
type nearQuery struct {
	db     *index.DB
	ids    []chunker.ID
	absent bool                                       // many of them may be nowhere
	ahead  bool                                       // read the pack that comes after one that has come to its end
	got    func(i int, p *nearPack, at int) (ok bool) // is told which pack has ids[i], and where; false: that is no answer

	since int64 // packs that have been asked about what is asked now
}

// answer looks for those of q's ids that asked says, and returns the others, over asked.
// If q is asked again about these, only packs that have come meanwhile are. A pack that has
// come to its end is returned once.
func (n *near) answer(q *nearQuery, asked []int) (rest []int, ending *nearPack) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.db != q.db || len(n.packs) == 0 || n.puts == q.since {
		return asked, nil
	}
	since := q.since
	q.since = n.puts
	tick := n.tick.Add(1)
	rest = asked[:0]
	p, next := n.lastLocked(), 0
	for _, i := range asked {
		to, ok := q.ask(p, i, next, since)
		if !ok && (!q.absent || q.db.MayHave(&q.ids[i])) {
			for _, x := range n.packs {
				if x == p {
					continue
				}
				if to, ok = q.ask(x, i, 0, since); ok {
					p = x
					break
				}
			}
		}
		if !ok {
			rest = append(rest, i)
			continue
		}
		next = to
		if p.used.Load() != tick {
			p.used.Store(tick)
		}
		if q.ahead && ending == nil && next > len(p.ids)-len(p.ids)/nearEnd && p.followed.CompareAndSwap(false, true) {
			ending = p
		}
	}
	n.last.Store(int64(p.number))
	return rest, ending
}

// ask looks for ids[i] in a pack, where it is expected first, unless that has been asked
// before. next is what comes after it.
func (q *nearQuery) ask(p *nearPack, i, expected int, since int64) (next int, ok bool) {
	if p.put <= since {
		return 0, false
	}
	at, ok := p.find(&q.ids[i], expected)
	return at + 1, ok && q.got(i, p, at)
}

// lastLocked is the pack that answered last, or another one.
func (n *near) lastLocked() *nearPack {
	if p := n.packLocked(uint32(n.last.Load())); p != nil {
		return p
	}
	return n.packs[0]
}

// follow reads the pack of data that was stored after p, if there is one and room for
// both. p may be nil.
func (n *near) follow(ctx context.Context, db *index.DB, p *nearPack) {
	if p == nil {
		return
	}
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
	if ctx.Err() != nil {
		p.followed.Store(false)
	}
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
	if n.hits[number] < 0 || n.packLocked(number) != nil {
		return false
	}
	n.hits[number] = never
	return true
}

// packLocked is a pack that is here, or nil.
func (n *near) packLocked(number uint32) *nearPack {
	for _, p := range n.packs {
		if p.number == number {
			return p
		}
	}
	return nil
}

// count counts what was found where. If a pack is worth reading now, it reads it, and
// reports so.
func (n *near) count(ctx context.Context, db *index.DB, found []bool, packs []uint32) bool {
	number, pack, ok := n.worth(db, found, packs)
	if ok {
		n.load(ctx, number, pack)
	}
	return ok
}

// worth counts, and returns a pack that is worth reading now, and its number. The caller
// reads it.
func (n *near) worth(db *index.DB, found []bool, packs []uint32) (most uint32, pack index.Pack, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.db != db {
		n.db, n.packs, n.ids = db, nil, 0
		clear(n.hits)
	}
	if len(n.hits) > nearPacksMax {
		clear(n.hits)
	}
	some := false
	for i, number := range packs {
		if found[i] {
			if n.hits[number]++; !some || n.hits[number] > n.hits[most] {
				most, some = number, true
			}
		}
	}
	if !some || n.hits[most] < nearHitsMin {
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
	if p := n.packLocked(most); p != nil && (p.places != nil || pack.LiveRaw != pack.Raw) { // it would be the same again
		n.hits[most] = 0
		return most, pack, false
	}
	n.hits[most] = never // nobody else reads it
	return most, pack, true
}

// load reads what is in a pack. If that cannot be had, the index has it all the same.
func (n *near) load(ctx context.Context, number uint32, pack index.Pack) {
	x, err := packfile.ReadIndex(ctx, n.store, pack.ID, pack.Size)
	if err != nil || x.Class != pack.Class || len(x.Entries) != int(pack.Chunks) {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.hits[number] = never; ctx.Err() != nil { // else it would fail again
			delete(n.hits, number)
		}
		return
	}
	p := newNearPack(number, x.Entries, pack.LiveRaw == pack.Raw)
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.hits, number)
	n.takeIn(p)
}

// takeIn takes p in, in the place of those that were used longest ago. The caller
// holds mu.
func (n *near) takeIn(p *nearPack) {
	p.used.Store(n.tick.Load())
	for i, q := range n.packs {
		if q.number == p.number {
			n.drop(i)
			break
		}
	}
	for len(n.packs) >= nearCount || len(n.packs) > 0 && n.ids+len(p.ids) > n.max {
		oldest := 0
		for i, q := range n.packs {
			if q.used.Load() < n.packs[oldest].used.Load() {
				oldest = i
			}
		}
		n.drop(oldest)
	}
	n.puts++
	p.put = n.puts
	n.packs = append(n.packs, p)
	n.ids += len(p.ids)
}

func (n *near) drop(i int) {
	n.ids -= len(n.packs[i].ids)
	n.packs[i] = n.packs[len(n.packs)-1]
	n.packs = n.packs[:len(n.packs)-1]
}
