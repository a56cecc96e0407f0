package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/engine/commitlog"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// committer makes things durable, one group at a time: seal and put packs,
// append one log group, apply it to the index, answer. Requests that come
// while a group is under way share the next one.
type committer struct {
	packer *packer
	store  backends.Store
	db     *index.DB
	log    *commitlog.Log
	proj   projector

	requests  chan *commitRequest
	stopped   chan struct{}
	stopOnce  sync.Once
	quit      chan struct{}
	dead      error // the index no longer follows the log: only opening again helps
	lastEpoch atomic.Uint64
}

// commitRequest asks for full packs to be stored, for a transition, or both.
type commitRequest struct {
	flush  bool                                           // store the open packs too
	adopt  *packfile.Index                                // packs that are in the store but not in the log
	decide func(*index.Batch) ([]commitlog.Record, error) // from the state before this request; may be nil
	answer chan error
}

// groupMax is how many requests share a group.
const groupMax = 128

func newCommitter(e *Local, log *commitlog.Log) *committer {
	c := &committer{
		packer: newPacker(e.db, e.config.packing(), e.settings.PackSize), store: e.c.Store, db: e.db, log: log,
		proj:     projector{e.c.Store, e.config.ID, e.c.Logger},
		requests: make(chan *commitRequest), stopped: make(chan struct{}), quit: make(chan struct{}),
	}
	c.lastEpoch.Store(log.Position().Epoch)
	go c.run()
	return c
}

// epoch is the log's, as of the last group.
func (c *committer) epoch() uint64 { return c.lastEpoch.Load() }

// do hands in a request and waits for its answer. A request that has been
// taken is carried out even if ctx ends meanwhile.
func (c *committer) do(ctx context.Context, r *commitRequest) error {
	r.answer = make(chan error, 1)
	select {
	case c.requests <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-c.quit:
		return ErrClosed
	}
	select {
	case err := <-r.answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close carries out what has been handed in and stops.
func (c *committer) close() error {
	c.stopOnce.Do(func() { close(c.quit) })
	<-c.stopped
	c.packer.take(true).abort()
	return nil
}

func (c *committer) run() {
	defer close(c.stopped)
	for {
		select {
		case r := <-c.requests:
			c.group(c.gather(r))
		case <-c.quit:
			return
		}
	}
}

func (c *committer) gather(first *commitRequest) []*commitRequest {
	all := []*commitRequest{first}
	for len(all) < groupMax {
		select {
		case r := <-c.requests:
			all = append(all, r)
		default:
			return all
		}
	}
	return all
}

// group carries out requests as one log group. An error of one request's
// decision is that request's alone; any other ends them all.
func (c *committer) group(requests []*commitRequest) {
	ctx := context.Background()
	answers := make([]error, len(requests))
	if c.dead != nil {
		c.packer.lose(c.dead)
		for _, r := range requests {
			r.answer <- c.dead
		}
		return
	}
	sealed, err := c.seal(ctx, requests)
	if err == nil {
		err = c.append(ctx, requests, sealed, answers)
	}
	switch {
	case err == nil:
		c.packer.settle(sealed)
	case !sealed.empty(): // else nobody's chunks were in it
		sealed.abort()
		c.packer.lose(err)
	}
	for i, r := range requests {
		if answers[i] == nil {
			answers[i] = err
		}
		r.answer <- answers[i]
	}
}

// seal seals and puts the full packs and, if a request asks for it, the open
// ones. It returns when all of them are durable. A metadata pack is put only
// when what its nodes refer to is durable, so that a pack found after a crash
// is one that can be used.
func (c *committer) seal(ctx context.Context, requests []*commitRequest) (batch, error) {
	flush := slices.ContainsFunc(requests, func(r *commitRequest) bool { return r.flush })
	b := c.packer.take(flush)
	err := b.each(func(o *openPack) (err error) {
		if o.sealed, err = o.Seal(); err != nil {
			err = fmt.Errorf("seal pack: %w", err)
		}
		return err
	})
	if err != nil {
		return b, err
	}
	var g errgroup.Group
	for _, o := range b.data {
		g.Go(func() error { return c.put(ctx, o.sealed) })
	}
	if err := g.Wait(); err != nil {
		return b, err
	}
	for _, o := range b.meta {
		if err := c.put(ctx, o.sealed); err != nil {
			return b, err
		}
	}
	return b, nil
}

func (c *committer) put(ctx context.Context, s *packfile.Sealed) error {
	if err := c.store.Put(ctx, s.Key(), s.Body()); err != nil && !errors.Is(err, backends.ErrExist) {
		return fmt.Errorf("store pack: %w", err)
	}
	return nil
}

// append decides every request on the state that the ones before it lead to,
// appends the records of all as one group, and only then makes it visible.
func (c *committer) append(ctx context.Context, requests []*commitRequest, sealed batch, answers []error) error {
	b, err := c.db.NewBatch()
	if err != nil {
		return err
	}
	defer b.Close()
	var records []commitlog.Record
	addPack := func(x *packfile.Index) error {
		records = append(records, commitlog.PackAdded{ID: x.ID, Class: x.Class, Size: x.Size}.Record())
		return b.AddPack(x, c.proj.exactDeps(ctx))
	}
	if err := sealed.each(func(o *openPack) error { return addPack(o.sealed.Index) }); err != nil {
		return err
	}
	seq, now := c.log.Next()
	for i, r := range requests {
		if r.adopt != nil {
			if err := addPack(r.adopt); err != nil {
				return err
			}
		}
		if r.decide == nil {
			continue
		}
		recs, err := r.decide(b)
		if err != nil {
			answers[i] = err
			continue
		}
		// Applied here, so that the next request sees it; the place in the
		// group is final but for a takeover, which only ever comes first.
		group := &commitlog.Group{Sequence: seq, Time: now, Records: recs}
		if err := c.proj.applyRecords(b, group, c.log.Shift()+len(records)); err != nil {
			return err
		}
		records = append(records, recs...)
	}
	if len(records) == 0 {
		return nil
	}
	if err := b.Check(); err != nil {
		return err
	}
	if _, err := c.log.Append(ctx, now, records); err != nil {
		if errors.Is(err, commitlog.ErrFenced) {
			c.dead = err
		}
		return err
	}
	c.lastEpoch.Store(c.log.Position().Epoch)
	if err := c.proj.commit(b, c.log.Position(), c.log.Writer()); err != nil {
		c.dead = err
		return fmt.Errorf("the commit is durable, but the index could not follow: %w", err)
	}
	return nil
}
