package engine

import (
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/known"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/source"
	"github.com/artifortress/afs-engine/index"
)

// recall lets a build take files that have not changed without reading them.
// nil recalls nothing. Safe for concurrent use.
type recall struct {
	cache *known.Cache
	db    *index.DB // of the store that the build goes into
	trust known.Trust
	now   func() time.Time
	learn bool // false: leave the cache as it is
}

func (e *Local) recall(req IngestRequest) *recall {
	return &recall{cache: e.known, db: e.db, trust: req.Trust, now: e.c.Now, learn: !req.DryRun}
}

// find returns what is in the file, if that is known and the store has it.
func (r *recall) find(id source.Identity) (known.File, bool, error) {
	if r == nil {
		return known.File{}, false, nil
	}
	f, ok, err := r.cache.Find(id, r.trust)
	if ok {
		ok, err = r.stored(f.Content)
	}
	if ok && r.learn {
		err = r.cache.Keep(id, f)
	}
	return f, ok && err == nil, err
}

// stored looks up all that a directory node would refer to. What a node of a
// list refers to is there if the node is.
func (r *recall) stored(c manifest.Content) (bool, error) {
	if !c.List.IsZero() {
		loc, ok, err := r.db.Lookup(c.List)
		return ok && loc.Kind == chunker.ListNode, err
	}
	for _, s := range c.Segments {
		if s.Zero() {
			continue
		}
		loc, ok, err := r.db.Lookup(s.ID)
		if !ok || loc.Kind != chunker.Data || int64(loc.Length) != s.Length || err != nil {
			return false, err
		}
	}
	return true, nil
}

// reading is when the reading of a file begins, for learnt.
func (r *recall) reading() time.Time {
	if r == nil {
		return time.Time{}
	}
	return r.now()
}

// learnt takes note of a file that was read, unchanged, since began.
func (r *recall) learnt(id source.Identity, f known.File, began time.Time) error {
	if r == nil || !r.learn {
		return nil
	}
	return r.cache.Add(id, f, began)
}
