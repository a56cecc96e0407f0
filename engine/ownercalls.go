package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/engine/known"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/source"
	"github.com/artifortress/afs-engine/index"
)

// enter begins a call that reads.
func (o *owner) enter(ctx context.Context) error {
	if err := o.gate.enter(ctx); err != nil {
		return err
	}
	if o.db == nil {
		o.gate.leave()
		return o.dead
	}
	return nil
}

// Has implements dataplane.Chunks.
func (o *owner) Has(ctx context.Context, ids []chunker.ID, have []bool) (err error) {
	if err := o.enter(ctx); err != nil {
		return err
	}
	defer o.gate.leave()
	return ungated{o}.Has(ctx, ids, have)
}

// ungated is an owner's dataplane.Chunks for its own calls, which are inside the
// gate, or have paused it.
type ungated struct{ o *owner }

// Has implements dataplane.Chunks.
func (u ungated) Has(ctx context.Context, ids []chunker.ID, have []bool) error {
	return u.o.near.Has(ctx, u.o.db, ids, have)
}

// Lookup implements dataplane.Chunks. Several ids are looked up in the index's
// own order.
func (o *owner) Lookup(ctx context.Context, ids []chunker.ID, found []dataplane.Place) (err error) {
	if err := o.enter(ctx); err != nil {
		return err
	}
	defer o.gate.leave()
	return ungated{o}.Lookup(ctx, ids, found)
}

// Lookup implements dataplane.Chunks.
func (u ungated) Lookup(ctx context.Context, ids []chunker.ID, found []dataplane.Place) (err error) {
	if len(ids) == 1 {
		found[0].Location, found[0].Found, err = u.o.db.Lookup(ids[0])
		return err
	}
	return u.o.near.Lookup(ctx, u.o.db, ids, found)
}

// Frames implements dataplane.Chunks.
func (o *owner) Frames(ctx context.Context, frames []dataplane.FrameID, places []dataplane.FramePlace) (err error) {
	if err := o.enter(ctx); err != nil {
		return err
	}
	defer o.gate.leave()
	return ungated{o}.Frames(ctx, frames, places)
}

// Frames implements dataplane.Chunks.
func (u ungated) Frames(_ context.Context, frames []dataplane.FrameID, places []dataplane.FramePlace) (err error) {
	find, err := u.o.db.Finder()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, find.Close()) }()
	var pack index.Pack
	for i, f := range frames {
		if i == 0 || frames[i-1].Pack != f.Pack {
			if pack, err = u.o.db.Pack(f.Pack); err != nil {
				return err
			}
		}
		places[i].Pack = pack.ID
		if places[i].Frame, err = find.Frame(f.Pack, f.Frame); err != nil {
			return err
		}
	}
	return nil
}

// Get implements dataplane.Rows.
func (o *owner) Get(ctx context.Context, key []byte) ([]byte, bool, error) {
	if err := o.enter(ctx); err != nil {
		return nil, false, err
	}
	defer o.gate.leave()
	return o.db.Get(key)
}

// errFull ends a scan whose page is full.
var errFull = errors.New("the page is full")

// Page implements dataplane.Rows.
func (o *owner) Page(ctx context.Context, prefix, from []byte, size int) (rows []dataplane.Row, more bool, err error) {
	if err := o.enter(ctx); err != nil {
		return nil, false, err
	}
	defer o.gate.leave()
	size, taken := min(size, dataplane.PageMax), 0
	err = o.db.Scan(prefix, from, func(k, v []byte) error {
		if taken += len(k) + len(v); len(rows) > 0 && taken > size {
			return errFull
		}
		rows = append(rows, dataplane.Row{Key: bytes.Clone(k), Value: bytes.Clone(v)})
		return ctx.Err()
	})
	if errors.Is(err, errFull) {
		return rows, true, nil
	}
	return rows, false, err
}

// Known implements dataplane.Files.
func (o *owner) Known(ctx context.Context, ids []source.Identity, t known.Trust, keep bool, found []dataplane.KnownFile) error {
	if err := o.enter(ctx); err != nil {
		return err
	}
	defer o.gate.leave()
	for i := range ids {
		f, ok, err := o.known.Find(ids[i], t)
		if ok {
			ok, err = o.stored(f.Content)
		}
		if ok && keep {
			err = o.known.Keep(ids[i], f)
		}
		if err != nil {
			return err
		}
		found[i] = dataplane.KnownFile{Found: ok}
		if ok {
			found[i].File = f
		}
	}
	return nil
}

// stored looks up all that a directory node would refer to. What a node of a
// list refers to is there if the node is.
func (o *owner) stored(c manifest.Content) (bool, error) {
	if !c.List.IsZero() {
		loc, ok, err := o.db.Lookup(c.List)
		return ok && loc.Kind == chunker.ListNode, err
	}
	for _, s := range c.Segments {
		if s.Zero() {
			continue
		}
		loc, ok, err := o.db.Lookup(s.ID)
		if !ok || loc.Kind != chunker.Data || int64(loc.Length) != s.Length || err != nil {
			return false, err
		}
	}
	return true, nil
}

// Learn implements dataplane.Files.
func (o *owner) Learn(ctx context.Context, files []dataplane.LearntFile) error {
	if err := o.enter(ctx); err != nil {
		return err
	}
	defer o.gate.leave()
	for _, f := range files {
		if err := o.known.Add(f.ID, f.File, f.Began); err != nil {
			return err
		}
	}
	return nil
}

// Renew implements dataplane.Commits.
func (o *owner) Renew(ctx context.Context, id index.SessionID, pid int) error {
	if err := o.enter(ctx); err != nil {
		return err
	}
	defer o.gate.leave()
	o.mu.Lock()
	epoch := o.log.Position().Epoch
	o.mu.Unlock()
	err := o.db.PutSession(id, index.NewSession(epoch, o.c.Now().Add(o.settings.SessionLease), pid))
	if err != nil {
		return fmt.Errorf("write session: %w", err)
	}
	return nil
}

// End implements dataplane.Commits.
func (o *owner) End(ctx context.Context, id index.SessionID) error {
	if err := o.enter(ctx); err != nil {
		return err
	}
	defer o.gate.leave()
	return errors.Join(o.known.Flush(), o.db.EndSession(id))
}

// State implements dataplane.Keeper.
func (o *owner) State(ctx context.Context) (s dataplane.State, err error) {
	if err := o.enter(ctx); err != nil {
		return s, err
	}
	defer o.gate.leave()
	s.Writable = o.writable
	if s.Meta, _, err = o.db.Meta(); err == nil {
		s.Totals, err = o.db.Totals()
	}
	return s, err
}

// packsPage is how many packs a page has.
const packsPage = 1024

// Packs implements dataplane.Keeper.
func (o *owner) Packs(ctx context.Context, from uint32) (packs []dataplane.NumberedPack, more bool, err error) {
	if err := o.enter(ctx); err != nil {
		return nil, false, err
	}
	defer o.gate.leave()
	err = o.db.Packs(from, func(n uint32, p index.Pack) error {
		if len(packs) == packsPage {
			return errFull
		}
		packs = append(packs, dataplane.NumberedPack{Number: n, Pack: p})
		return ctx.Err()
	})
	if errors.Is(err, errFull) {
		return packs, true, nil
	}
	return packs, false, err
}
