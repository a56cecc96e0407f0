package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/engine/dataplane"
)

// committer makes this engine's things durable, one group at a time: seal packs,
// put them, and meanwhile hand them in together with the transitions that count
// on them; answer. Requests that come while a group is under way share the next
// one.
type committer struct {
	packer *packer
	store  backends.Store
	plane  dataplane.Service
	actor  string
	client string

	requests chan *commitRequest
	stopped  chan struct{}
	stopOnce sync.Once
	quit     chan struct{}
}

// commitRequest asks for full packs to be stored, for a transition, or both.
type commitRequest struct {
	flush      bool                  // store the open packs too
	transition *dataplane.Transition // may be nil
	check      func() error          // whether to go on with it, asked when all packs are sealed; may be nil
	answer     chan commitAnswer
}

type commitAnswer struct {
	dataplane.Outcome
	err error
}

func newCommitter(e *Local) *committer {
	c := &committer{
		packer: newPacker(e.plane, e.config.packing(), e.settings.PackSize, e.settings.packRows()), store: e.c.Store, plane: e.plane,
		actor: e.c.Actor, client: e.c.Client,
		requests: make(chan *commitRequest), stopped: make(chan struct{}), quit: make(chan struct{}),
	}
	c.packer.store, _ = e.c.Store.(backends.Appender)
	go c.run()
	return c
}

// do hands in a request and waits for its answer. A request that has been
// taken is carried out even if ctx ends meanwhile.
func (c *committer) do(ctx context.Context, r *commitRequest) (dataplane.Outcome, error) {
	if r.transition != nil {
		r.transition.Actor, r.transition.Client = c.actor, c.client
	}
	r.answer = make(chan commitAnswer, 1)
	select {
	case c.requests <- r:
	case <-ctx.Done():
		return dataplane.Outcome{}, ctx.Err()
	case <-c.quit:
		return dataplane.Outcome{}, ErrClosed
	}
	select {
	case a := <-r.answer:
		return a.Outcome, a.err
	case <-ctx.Done():
		return dataplane.Outcome{}, ctx.Err()
	}
}

// room waits while as many packs as may are full or on their way into the store.
// Whoever waits asks for the full ones to be stored: those who filled them may
// have given up.
func (c *committer) room(ctx context.Context) error {
	for c.packer.crowded.Load() {
		if _, err := c.do(ctx, &commitRequest{}); err != nil {
			return err
		}
	}
	return nil
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
	for len(all) < dataplane.GroupMax/2 {
		select {
		case r := <-c.requests:
			all = append(all, r)
		default:
			return all
		}
	}
	return all
}

// group carries out requests as one group. An error of one request's transition
// is that request's alone; any other ends them all.
func (c *committer) group(requests []*commitRequest) {
	ctx := context.Background()
	answers := make([]commitAnswer, len(requests))
	sealed, err := c.seal(requests)
	if err == nil {
		stored := sync.OnceValue(func() error { return c.put(ctx, sealed) })
		go stored()
		err = c.commit(ctx, requests, sealed, stored, answers)
		if failed := stored(); err == nil { // in any case nobody reads the packs any more
			err = failed
		}
	}
	switch {
	case err == nil:
		c.packer.settle(sealed)
	case !sealed.empty(): // else nobody's chunks were in it
		c.packer.lose(sealed, err)
	}
	for i, r := range requests {
		if answers[i].err == nil {
			answers[i].err = err
		}
		r.answer <- answers[i]
	}
}

// seal seals the full packs and, if a request asks for it, the open ones.
func (c *committer) seal(requests []*commitRequest) (batch, error) {
	flush := slices.ContainsFunc(requests, func(r *commitRequest) bool { return r.flush })
	b := c.packer.take(flush)
	err := b.each(func(o *openPack) (err error) {
		if o.sealed, err = o.Seal(); err != nil {
			err = fmt.Errorf("seal pack: %w", err)
		}
		return err
	})
	return b, err
}

// put stores sealed packs, and returns when all of them are durable. A metadata
// pack is put only when what its nodes refer to is durable, so that a pack found
// after a crash is one that can be used.
func (c *committer) put(ctx context.Context, b batch) error {
	var g errgroup.Group
	for _, o := range b.data {
		g.Go(func() error { return c.putPack(ctx, o) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, o := range b.meta {
		if err := c.putPack(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func (c *committer) putPack(ctx context.Context, o *openPack) error {
	if err := o.put(ctx, c.store); err != nil && !errors.Is(err, backends.ErrExist) {
		return fmt.Errorf("store pack: %w", err)
	}
	return nil
}

// commit hands in the packs, which may still be on their way into the store, and
// the transitions that still hold.
func (c *committer) commit(ctx context.Context, requests []*commitRequest, sealed batch, stored func() error, answers []commitAnswer) error {
	g := dataplane.Group{Stored: stored}
	_ = sealed.each(func(o *openPack) error {
		x := o.sealed.Index
		g.Packs = append(g.Packs, dataplane.Pack{ID: x.ID, Size: x.Size, Index: x})
		return nil
	})
	var of []int // whose transitions they are
	for i, r := range requests {
		if r.check != nil {
			answers[i].err = r.check()
		}
		if r.transition != nil && answers[i].err == nil {
			g.Transitions = append(g.Transitions, *r.transition)
			of = append(of, i)
		}
	}
	if len(g.Packs)+len(g.Transitions) == 0 {
		return nil
	}
	outcomes, err := c.plane.Commit(ctx, &g)
	if err != nil {
		return err
	}
	for n, i := range of {
		answers[i] = commitAnswer{outcomes[n], outcomes[n].Err}
	}
	return nil
}
