package engine

import (
	"context"
	"sync"

	"github.com/artifortress/afs-engine/engine/dataplane"
)

// ErrClosed is returned by an engine after Close.
var ErrClosed = dataplane.ErrClosed

// gate lets calls in until it is closed, and closing it waits for those inside.
// While it is paused calls wait. The zero gate is open.
type gate struct {
	mu      sync.Mutex
	inside  int
	paused  bool
	closed  bool
	changed chan struct{} // closed at the next change that somebody waits for; nil: nobody does
}

// next is closed when something has changed. The caller holds mu.
func (g *gate) next() <-chan struct{} {
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	return g.changed
}

func (g *gate) change() {
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

// await waits for ready, which is asked under mu, and returns with mu held; or
// for ctx, and returns without.
func (g *gate) await(ctx context.Context, ready func() bool) error {
	g.mu.Lock()
	for !ready() {
		next := g.next()
		g.mu.Unlock()
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		}
		g.mu.Lock()
	}
	return nil
}

// enter lets a call in, as soon as the gate is not paused.
func (g *gate) enter(ctx context.Context) error {
	g.mu.Lock()
	if !g.closed && !g.paused {
		g.inside++
		g.mu.Unlock()
		return nil
	}
	g.mu.Unlock()
	if err := g.await(ctx, func() bool { return g.closed || !g.paused }); err != nil {
		return err
	}
	defer g.mu.Unlock()
	if g.closed {
		return ErrClosed
	}
	g.inside++
	return nil
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.inside == 0 {
		g.change()
	}
}

// pause keeps calls out until resume, and waits for those inside.
func (g *gate) pause(ctx context.Context) error {
	if err := g.await(ctx, func() bool { return g.closed || !g.paused }); err != nil {
		return err
	}
	if g.closed {
		g.mu.Unlock()
		return ErrClosed
	}
	g.paused = true
	g.mu.Unlock()
	if err := g.await(ctx, func() bool { return g.inside == 0 }); err != nil {
		g.resume()
		return err
	}
	g.mu.Unlock()
	return nil
}

func (g *gate) resume() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.paused = false
	g.change()
}

// abandon closes a gate that the caller has paused: nobody is inside, and those
// who wait are refused.
func (g *gate) abandon() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed, g.paused = true, false
	g.change()
}

// close refuses further calls and waits for those inside, and for whoever has
// paused it.
func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	g.change()
	g.mu.Unlock()
	if g.await(context.Background(), func() bool { return g.inside == 0 && !g.paused }) == nil {
		g.mu.Unlock()
	}
}
