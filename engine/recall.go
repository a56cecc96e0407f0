package engine

import (
	"context"
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
const learnBatch = 64

func (e *Local) recall(req IngestRequest) *recall {
	return &recall{files: e.plane, trust: req.Trust, now: e.c.Now, learn: !req.DryRun}
}

// find returns what is in the file, if that is known and the store has it.
func (r *recall) find(ctx context.Context, id source.Identity) (known.File, bool, error) {
	if r == nil || r.trust == known.Nothing || id.Path == "" {
		return known.File{}, false, nil
	}
	return r.files.Known(ctx, id, r.trust, r.learn)
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
