package engine

import (
	"context"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// rows is a plane as those see it who know an index: the registry's functions,
// and a scrub. A scan is as consistent as one page is.
type rows struct {
	ctx   context.Context
	plane dataplane.Service
}

// with is r as long as ctx lasts.
func (r rows) with(ctx context.Context) rows { return rows{ctx, r.plane} }

// Get implements registry.Reader.
func (r rows) Get(key []byte) ([]byte, bool, error) { return r.plane.Get(r.ctx, key) }

// pageFirst is how many bytes of rows are asked for at first: many scans end
// after a row or two. Each page may be pageGrowth times the one before.
const (
	pageFirst  = 2 << 10
	pageGrowth = 4
)

// Scan implements registry.Reader.
func (r rows) Scan(prefix, from []byte, fn func(key, value []byte) error) error {
	for size := pageFirst; ; size *= pageGrowth {
		size = min(size, dataplane.PageMax)
		page, more, err := r.plane.Page(r.ctx, prefix, from, size)
		if err != nil {
			return err
		}
		for _, row := range page {
			if err := fn(row.Key, row.Value); err != nil {
				return err
			}
		}
		if !more || len(page) == 0 {
			return nil
		}
		from = append(page[len(page)-1].Key, 0)
	}
}

// Lookup finds a chunk or node.
func (r rows) Lookup(id chunker.ID) (index.Location, bool, error) {
	ids, found := [1]chunker.ID{id}, [1]dataplane.Place{}
	err := r.plane.Lookup(r.ctx, ids[:], found[:])
	return found[0].Location, found[0].Found && err == nil, err
}

// Frame finds a frame.
func (r rows) Frame(pack, frame uint32) (packfile.Frame, error) {
	f, err := frameAt(r.ctx, r.plane, dataplane.FrameID{Pack: pack, Frame: frame})
	return f.Frame, err
}

func frameAt(ctx context.Context, p dataplane.Chunks, id dataplane.FrameID) (dataplane.FramePlace, error) {
	ids, places := [1]dataplane.FrameID{id}, [1]dataplane.FramePlace{}
	err := p.Frames(ctx, ids[:], places[:])
	return places[0], err
}

// Packs calls fn for every pack in order of numbers, from the number from on.
func (r rows) Packs(from uint32, fn func(n uint32, p index.Pack) error) error {
	for {
		page, more, err := r.plane.Packs(r.ctx, from)
		if err != nil {
			return err
		}
		for _, p := range page {
			if err := fn(p.Number, p.Pack); err != nil {
				return err
			}
			from = p.Number + 1
		}
		if !more || len(page) == 0 {
			return nil
		}
	}
}

// Totals are the index's.
func (r rows) Totals() (index.Totals, error) {
	s, err := r.plane.State(r.ctx)
	return s.Totals, err
}

// Meta says what the index is a projection of.
func (r rows) Meta() (index.Meta, bool, error) {
	s, err := r.plane.State(r.ctx)
	return s.Meta, err == nil, err
}
