package engine

import (
	"context"
	"errors"
	"fmt"
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

// commitRequest asks for packs to be stored, for a transition, or both.
type commitRequest struct {
	packs  packs                                          // full packs to store
	flush  bool                                           // store the open packs too
	adopt  *packfile.Index                                // packs that are in the store but not in the log
	decide func(*index.Batch) ([]commitlog.Record, error) // from the state before this request; may be nil
	answer chan error
}

// groupMax is how many requests share a group.
const groupMax = 128

var errClosed = errors.New("the engine is closed")

func newCommitter(e *Local, log *commitlog.Log) *committer {
	c := &committer{
		packer: newPacker(e.db, e.settings.PackSize), store: e.c.Store, db: e.db, log: log,
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
// taken is carried out even if ctx ends meanwhile, and so is one with packs:
// others than who hands them in may count on what is in them.
func (c *committer) do(ctx context.Context, r *commitRequest) error {
	r.answer = make(chan error, 1)
	select {
	case c.requests <- r:
	case <-ctx.Done():
		if r.packs != (packs{}) {
			go c.handIn(r)
		}
		return ctx.Err()
	case <-c.quit:
		r.packs.abort()
		return errClosed
	}
	select {
	case err := <-r.answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *committer) handIn(r *commitRequest) {
	select {
	case c.requests <- r:
	case <-c.quit:
		r.packs.abort()
	}
}

// close carries out what has been handed in and stops.
func (c *committer) close() error {
	c.stopOnce.Do(func() { close(c.quit) })
	<-c.stopped
	c.packer.take().abort()
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
		for _, r := range requests {
			r.answer <- c.dead
		}
		return
	}
	sealed, err := c.seal(ctx, requests)
	if err != nil {
		c.packer.lose(err)
	} else {
		err = c.append(ctx, requests, sealed, answers)
		c.packer.settle(sealed, err)
	}
	for i, r := range requests {
		if answers[i] == nil {
			answers[i] = err
		}
		r.answer <- answers[i]
	}
}

// seal seals and puts the packs of all requests, data before metadata in the
// order of records, and returns when all of them are durable.
func (c *committer) seal(ctx context.Context, requests []*commitRequest) ([]*openPack, error) {
	var data, meta []*openPack
	flush := false
	gather := func(p packs) {
		if p.data != nil {
			data = append(data, p.data)
		}
		if p.meta != nil {
			meta = append(meta, p.meta)
		}
	}
	for _, r := range requests {
		gather(r.packs)
		flush = flush || r.flush
	}
	if flush {
		gather(c.packer.take())
	}
	all := append(data, meta...)
	var g errgroup.Group
	for _, o := range all {
		s, err := o.Seal()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("seal pack: %w", err), g.Wait())
		}
		o.sealed = s
		g.Go(func() error {
			if err := c.store.Put(ctx, s.Key(), s.Body()); err != nil && !errors.Is(err, backends.ErrExist) {
				return fmt.Errorf("store pack: %w", err)
			}
			return nil
		})
	}
	return all, g.Wait()
}

// append decides every request on the state that the ones before it lead to,
// appends the records of all as one group, and only then makes it visible.
func (c *committer) append(ctx context.Context, requests []*commitRequest, sealed []*openPack, answers []error) error {
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
	for _, o := range sealed {
		if err := addPack(o.sealed.Index); err != nil {
			return err
		}
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
	if _, err := c.log.Append(ctx, now, records); err != nil {
		if errors.Is(err, commitlog.ErrFenced) {
			c.dead = err
		}
		return err
	}
	c.lastEpoch.Store(c.log.Position().Epoch)
	if err := c.proj.commit(b, c.log.Position(), c.log.Writer()); err != nil {
		c.dead = fmt.Errorf("the commit is durable, but the index could not follow: %w", err)
		return c.dead
	}
	return nil
}
