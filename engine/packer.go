package engine

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// packer gathers the new chunks of all ingests under way into one open data
// pack and one open metadata pack, and knows which chunks are on their way to
// the index: in an open pack, or in one being sealed. A full pack goes to the
// committer, and packing goes on in a new one.
type packer struct {
	db       *index.DB
	packSize int64

	mu      sync.Mutex
	data    *openPack
	meta    *openPack
	pending map[chunker.ID]struct{} // in no index row yet; bounded by the size of the packs under way
	settled uint64                  // how often chunks have left pending, for whatever reason
	broken  uint64                  // how often packs under way have been lost
	lastErr error                   // why, the last time
}

func newPacker(db *index.DB, packSize int64) *packer {
	return &packer{db: db, packSize: packSize, pending: map[chunker.ID]struct{}{}}
}

// openPack is a pack being filled, and who filled it.
type openPack struct {
	*packfile.Writer
	shares map[*tally]int64 // raw bytes
	sealed *packfile.Sealed // once it is
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

// packs is what the committer takes from the packer: either may be nil.
type packs struct{ data, meta *openPack }

func (p packs) abort() {
	for _, o := range []*openPack{p.data, p.meta} {
		if o != nil {
			o.Abort()
		}
	}
}

// entriesMax bounds pending however small the chunks are.
const entriesMax = 1 << 17

// add takes a chunk unless the store has it or is about to. It returns whether
// it did, and, if a pack is full now, that pack.
func (p *packer) add(t *tally, kind chunker.Kind, id chunker.ID, data []byte, deps []chunker.ID) (added bool, full packs, err error) {
	p.mu.Lock()
	settled := p.settled
	_, pending := p.pending[id]
	p.mu.Unlock()
	if pending {
		return false, packs{}, nil
	}
	for {
		if _, known, err := p.db.Lookup(id); known || err != nil {
			return false, packs{}, err
		}
		p.mu.Lock()
		if p.settled == settled {
			break
		}
		settled = p.settled // it may have reached the index since
		p.mu.Unlock()
	}
	defer p.mu.Unlock()
	if _, pending := p.pending[id]; pending {
		return false, packs{}, nil
	}
	open, class := &p.data, packfile.ClassData
	if kind.IsNode() {
		open, class = &p.meta, packfile.ClassMeta
	}
	if *open == nil {
		w, err := packfile.NewWriter(packfile.WriterOptions{Class: class})
		if err != nil {
			return false, packs{}, err
		}
		*open = &openPack{Writer: w, shares: map[*tally]int64{}}
	}
	if err := (*open).Add(id, kind, data, deps); err != nil {
		return false, packs{}, err
	}
	p.pending[id] = struct{}{}
	(*open).shares[t] += int64(len(data))
	if (*open).Size() < p.packSize && (*open).Len() < entriesMax {
		return true, packs{}, nil
	}
	if class == packfile.ClassData {
		full = packs{data: p.data}
		p.data = nil
	} else {
		full = p.takeLocked() // nodes may refer to chunks of the open data pack
	}
	return true, full, nil
}

// take hands over both open packs.
func (p *packer) take() packs {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.takeLocked()
}

func (p *packer) takeLocked() packs {
	t := packs{p.data, p.meta}
	p.data, p.meta = nil, nil
	return t
}

// settle forgets the pending chunks of sealed packs: with err nil they are in
// the index now; otherwise they are lost, and so is every ingest that counts on
// them.
func (p *packer) settle(sealed []*openPack, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range sealed {
		for i := range o.sealed.Index.Entries {
			delete(p.pending, o.sealed.Index.Entries[i].ID)
		}
		o.charge()
	}
	p.settled++
	if err != nil {
		p.fail(err)
	}
}

// lose is settle for packs that could not even be sealed. Which chunks they
// held is not known any more, so all that is pending counts as lost.
func (p *packer) lose(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.takeLocked().abort()
	clear(p.pending)
	p.settled++
	p.fail(err)
}

func (p *packer) fail(err error) { p.broken, p.lastErr = p.broken+1, err }

// mark and check bracket an ingest: check fails if packs that the ingest may
// count on were lost since mark.
func (p *packer) mark() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.broken
}

func (p *packer) check(mark uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken != mark {
		return p.lastErr
	}
	return nil
}

// storer is where an ingest's chunks go: into the store, or nowhere but into a
// count.
type storer interface {
	// put stores a chunk under the id of its kind and bytes unless it is
	// there, and reports whether it was new.
	put(ctx context.Context, kind chunker.Kind, data []byte, deps []chunker.ID) (id chunker.ID, added bool, err error)
}
