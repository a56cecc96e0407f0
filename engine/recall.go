package engine

import (
	"context"
	"slices"
	"time"

	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/engine/known"
	"github.com/artifortress/afs-engine/engine/source"
)

// recall lets a build take files that have not changed without reading them.
// nil recalls nothing. All but learnt and flush are safe for concurrent use.
type recall struct {
	files dataplane.Files
	trust known.Trust
	now   func() time.Time
	learn bool                   // false: leave what is known as it is
	new   []dataplane.LearntFile // not handed in yet
}

// learnBatch is how many files are handed in together. Their chunks are in
// memory until then: few, or the file has a list.
const learnBatch = dataplane.FilesMax

func (e *Local) recall(req IngestRequest) *recall {
	return &recall{files: e.plane, trust: req.Trust, now: e.c.Now, learn: !req.DryRun}
}

// find finds out what is in the event's file, if that is known and the store
// has it.
func (r *recall) find(ctx context.Context, ev *event) error {
	return r.findAll(ctx, &bundle{events: []*event{ev}})
}

// findAll does so for all files of a bundle.
func (r *recall) findAll(ctx context.Context, x *bundle) error {
	if r == nil || r.trust == known.Nothing {
		return nil
	}
	x.asked, x.files = x.asked[:0], x.files[:0]
	for _, ev := range x.events {
		if ev.id.Path != "" {
			x.asked, x.files = append(x.asked, ev), append(x.files, ev.id)
		}
	}
	if len(x.asked) == 0 {
		return nil
	}
	x.known = slices.Grow(x.known[:0], len(x.asked))[:len(x.asked)]
	if err := r.files.Known(ctx, x.files, r.trust, r.learn, x.known); err != nil {
		return err
	}
	for i, ev := range x.asked {
		ev.known, ev.found = x.known[i].File, x.known[i].Found
	}
	return nil
}

// reading is when the reading of a file begins, for learnt.
func (r *recall) reading() time.Time {
	if r == nil {
		return time.Time{}
	}
	return r.now()
}

// learnt takes note of a file that was read, unchanged, since began.
func (r *recall) learnt(ctx context.Context, id source.Identity, f known.File, began time.Time) error {
	if r == nil || !r.learn || !known.Settled(id, f, began) {
		return nil
	}
	r.new = append(r.new, dataplane.LearntFile{ID: id, File: f, Began: began})
	if len(r.new) < learnBatch {
		return nil
	}
	return r.flush(ctx)
}

// flush hands in what was learnt.
func (r *recall) flush(ctx context.Context) error {
	if r == nil || len(r.new) == 0 {
		return nil
	}
	err := r.files.Learn(ctx, r.new)
	clear(r.new)
	r.new = r.new[:0]
	return err
}
