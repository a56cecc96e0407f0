package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/packfile"
)

// packer gathers the new chunks of all ingests under way into one open data
// pack and one open metadata pack, and knows which chunks are on their way to
// the index: in an open pack, in one that is full, or in one being sealed. Any
// ingest may count on a chunk that another one has put into a pack, so the next
// group takes every pack that is full, whoever filled it.
type packer struct {
	plane dataplane.Chunks

	mu      sync.Mutex
	ingests int // under way
	writers packWriters
	rows    int // that a pack may have or change in the index
	data    *openPack
	meta    *openPack
	full    batch                               // waiting for the committer
	store   backends.Appender                   // takes packs as they are made; nil: they are kept until they are sealed
	spare   map[packfile.Class]*packfile.Writer // for the next packs: they have buffers already
	pending map[chunker.ID]struct{}             // in no index row yet; bounded by the size of the packs under way
	recent  map[chunker.ID]struct{}             // no longer pending since settled was last counted up
	closed  map[packfile.Class]int              // packs that are full, or taken and not settled
	crowded atomic.Bool                         // written under mu: so many are closed that nobody should fill more
	settled atomic.Uint64                       // written under mu: how often chunks have left pending, for whatever reason
	broken  uint64                              // how often packs under way have been lost
	lastErr error                               // why, the last time
}

func newPacker(plane dataplane.Chunks, p Packing, packSize int64, rows int) *packer {
	return &packer{
		plane: plane, rows: rows, writers: newPackWriters(p, packSize), spare: map[packfile.Class]*packfile.Writer{},
		pending: map[chunker.ID]struct{}{}, recent: map[chunker.ID]struct{}{}, closed: map[packfile.Class]int{},
	}
}

// begin begins a new pack.
func (p *packer) begin(ctx context.Context, class packfile.Class) (*openPack, error) {
	w := p.spare[class]
	delete(p.spare, class)
	if w == nil {
		var err error
		if w, err = p.writers.begin(class); err != nil {
			return nil, err
		}
	}
	o := &openPack{Writer: w, shares: map[*tally]int64{}}
	if p.store == nil {
		return o, w.Reset()
	}
	var err error
	if o.upload, err = p.store.Begin(context.WithoutCancel(ctx)); err != nil { // others fill it, too
		return nil, err
	}
	if err = w.ResetTo(o.upload); err != nil {
		o.Abort()
	}
	return o, err
}

// openPack is a pack being filled, and who filled it.
type openPack struct {
	*packfile.Writer
	shares map[*tally]int64 // raw bytes
	edges  int              // references that its nodes make
	sealed *packfile.Sealed // once it is
	upload backends.Upload  // that takes it as it is made; nil: none does
}

// Abort gives the pack up.
func (o *openPack) Abort() {
	o.Writer.Abort()
	if o.upload != nil {
		o.upload.Abort()
	}
}

// put stores the sealed pack.
func (o *openPack) put(ctx context.Context, store backends.Store) error {
	if o.upload != nil {
		return o.upload.Put(ctx, o.sealed.Key())
	}
	return store.Put(ctx, o.sealed.Key(), o.sealed.Body())
}

// tally is what an ingest's chunks take in packs, in bytes. A pack that several
// ingests share is charged to each by its share of the bytes before compression.
type tally struct{ stored atomic.Int64 }

// charge tells the ingests what the sealed pack cost.
func (o *openPack) charge() {
	total := int64(0)
	for _, raw := range o.shares {
		total += raw
	}
	for t, raw := range o.shares {
		t.stored.Add(int64(float64(o.sealed.Index.Size) * float64(raw) / float64(max(total, 1))))
	}
}

// batch is packs on their way into the store. Nodes of meta refer to chunks of
// data, and to nodes of meta before them, but never the other way.
type batch struct{ data, meta []*openPack }

func (b batch) each(fn func(*openPack) error) error {
	for _, list := range [][]*openPack{b.data, b.meta} {
		for _, o := range list {
			if err := fn(o); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b batch) empty() bool { return len(b.data)+len(b.meta) == 0 }

func (b batch) abort() {
	b.each(func(o *openPack) error { o.Abort(); return nil })
}

// However small the chunks are, the number of entries in a pack bounds pending,
// and that of its references what the index changes at once. Neither is more than
// entriesMax, and with less memory it is less: each costs 200 to 300 bytes on its
// way. A metadata pack of edgesAlong references is worth an object of its own.
const (
	entriesMax = 1 << 17
	edgesAlong = 1 << 13
)

// closedMax is how many packs of a class may be closed while the next is filled:
// as many as one ingest alone has, which waits for its last commit before it asks
// for another.
const closedMax = 1

// closeLocked counts n packs more, or less, as closed.
func (p *packer) closeLocked(class packfile.Class, n int) {
	p.closed[class] += n
	p.crowded.Store(p.closed[packfile.ClassData] > closedMax || p.closed[packfile.ClassMeta] > closedMax)
}

// chunk is one on its way into a pack.
type chunk struct {
	kind chunker.Kind
	id   chunker.ID
	data []byte
	deps []chunker.ID
	asOf uint64 // when the index did not have it, see packer.asOf

	bases []packfile.Base // data that it may be a change of
	text  bool            // of a text file
}

// addTo puts the chunk into a pack.
func (c *chunk) addTo(w *packfile.Writer) error {
	if len(c.bases) > 0 {
		return w.AddDelta(c.id, c.data, c.text, c.bases)
	}
	if c.text {
		return w.AddText(c.id, c.data)
	}
	return w.Add(c.id, c.kind, c.data, c.deps)
}

// asOf is a moment, for chunk: what is found to be absent from the index after
// it is known to be absent as of then. It does not wait for add, which holds mu
// while it waits for compression.
func (p *packer) asOf() uint64 { return p.settled.Load() }

// underwayLocked reports whether a chunk is in a pack that is, or has just been
// settled.
func (p *packer) underwayLocked(id chunker.ID) bool {
	if _, ok := p.pending[id]; ok {
		return true
	}
	_, ok := p.recent[id]
	return ok
}

// add takes a chunk that was not in the index as of c.asOf, unless it is in a
// pack by now. It returns whether it did, and whether a pack is full now: then
// the caller asks for a commit. It fails if packs were lost since mark: a node
// may refer to what was in them.
func (p *packer) add(ctx context.Context, mark uint64, t *tally, c chunk) (added, full bool, err error) {
	p.mu.Lock()
	// Those that were settled once since then are recent; of earlier ones only the
	// index knows.
	for p.settled.Load()-c.asOf > 1 {
		c.asOf = p.settled.Load()
		p.mu.Unlock()
		ids, have := [1]chunker.ID{c.id}, [1]bool{}
		if err := p.plane.Has(ctx, ids[:], have[:]); have[0] || err != nil {
			return false, false, err
		}
		p.mu.Lock()
	}
	defer p.mu.Unlock()
	if err := p.checkLocked(mark); err != nil || p.underwayLocked(c.id) {
		return false, false, err
	}
	open, class := &p.data, packfile.ClassData
	if c.kind.IsNode() {
		open, class = &p.meta, packfile.ClassMeta
	}
	if *open == nil {
		o, err := p.begin(ctx, class)
		if err != nil {
			return false, false, err
		}
		*open = o
	}
	if err := c.addTo((*open).Writer); err != nil {
		if errors.Is(err, packfile.ErrUnwritten) {
			p.loseLocked(batch{}, err)
		}
		return false, false, err
	}
	p.pending[c.id] = struct{}{}
	(*open).shares[t] += int64(len(c.data))
	(*open).edges += len(c.deps) + len(c.bases)
	if (*open).Size() < p.writers.packSize && (*open).Len() < p.rows && (*open).edges < p.rows {
		return true, false, nil
	}
	// A full metadata pack takes the open data pack along, which its nodes may
	// refer to. A full data pack takes along nodes that refer to much: it costs
	// least to count the references to a chunk when the chunk is entered, and what
	// is counted by the way need not be waited for in the end.
	p.full.data = p.shutLocked(packfile.ClassData, p.full.data, &p.data)
	if class == packfile.ClassMeta || p.meta != nil && p.meta.edges >= edgesAlong {
		p.full.meta = p.shutLocked(packfile.ClassMeta, p.full.meta, &p.meta)
	}
	return true, true, nil
}

// shutLocked moves the open pack, if there is one, to list.
func (p *packer) shutLocked(class packfile.Class, list []*openPack, open **openPack) []*openPack {
	o := *open
	if o == nil {
		return list
	}
	*open = nil
	p.closeLocked(class, 1)
	return append(list, o)
}

// take hands over the full packs and, with flush, the open ones too.
func (p *packer) take(flush bool) batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.takeLocked(flush)
}

func (p *packer) takeLocked(flush bool) batch {
	if flush {
		p.full.data = p.shutLocked(packfile.ClassData, p.full.data, &p.data)
		p.full.meta = p.shutLocked(packfile.ClassMeta, p.full.meta, &p.meta)
	}
	b := p.full
	p.full = batch{}
	return b
}

// settle forgets the pending chunks of sealed packs: they are in the index now.
func (p *packer) settle(b batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b.empty() {
		return
	}
	clear(p.recent)
	b.each(func(o *openPack) error {
		for i := range o.sealed.Index.Entries {
			id := o.sealed.Index.Entries[i].ID
			delete(p.pending, id)
			p.recent[id] = struct{}{}
		}
		o.charge()
		p.spare[o.sealed.Index.Class] = o.Writer
		return nil
	})
	p.overLocked(b)
	p.settled.Add(1)
}

// overLocked counts packs that had been shut as no longer under way.
func (p *packer) overLocked(b batch) {
	p.closeLocked(packfile.ClassData, -len(b.data))
	p.closeLocked(packfile.ClassMeta, -len(b.meta))
}

// lose gives up the packs of b, and all that are full or being filled, because
// packs were lost, and with them every ingest under way. (Those that the committer
// has taken go on, but nobody counts on them before they are in the index.) The packs being filled may hold nodes that
// refer to what was lost, and one such node would spoil the group that it is stored
// in.
func (p *packer) lose(b batch, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loseLocked(b, err)
}

func (p *packer) loseLocked(b batch, err error) {
	waiting := p.takeLocked(true)
	for _, lost := range []batch{b, waiting} {
		lost.abort()
		p.overLocked(lost)
	}
	clear(p.pending)
	clear(p.recent)
	p.settled.Add(2) // nothing is known as of before
	p.broken, p.lastErr = p.broken+1, err
}

// enter and leave bracket an ingest, which may count on packs under way: mark is
// for check. When no ingest is left, the packs that those which
// failed were filling are given up: nobody knows when there is another.
func (p *packer) enter() (mark uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ingests++
	return p.broken
}

func (p *packer) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ingests--
	if p.ingests == 0 && (p.data != nil || p.meta != nil || !p.full.empty()) {
		p.loseLocked(batch{}, errLeft)
	}
}

var errLeft = errors.New("the ingests that filled the packs have failed")

// check fails if packs were lost since mark.
func (p *packer) check(mark uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.checkLocked(mark)
}

func (p *packer) checkLocked(mark uint64) error {
	if p.broken != mark {
		return fmt.Errorf("chunks of this ingest were not stored: %w", p.lastErr)
	}
	return nil
}

// storer is where an ingest's chunks go: into the store, or nowhere but into a
// count.
type storer interface {
	// known reports which chunks the store has, as far as that can be said at
	// once: false may be true in a moment. asOf is for put. Safe for concurrent
	// use.
	known(ctx context.Context, ids []chunker.ID, have []bool) (asOf uint64, err error)

	// put stores a chunk that was not known, unless it is there by now, and
	// reports whether it was new.
	put(ctx context.Context, c chunk) (added bool, err error)
}
