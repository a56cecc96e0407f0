package engine

import (
	"errors"
	"sync"
)

// ErrClosed is returned by an engine after Close, and by RebuildIndex's
// contemporaries.
var ErrClosed = errors.New("the engine is closed, or making its index anew")

// gate lets calls in until it is shut, and shutting it waits for those inside.
// A call inside that makes another one is refused it once the gate is shutting,
// and so cannot hold it open.
type gate struct {
	mu     sync.Mutex
	inside int
	shut   bool
	empty  chan struct{} // closed by the last one out of a shut gate
}

func (g *gate) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return ErrClosed
	}
	g.inside++
	return nil
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.inside == 0 && g.shut {
		close(g.empty)
	}
}

// close shuts the gate and waits; false says that it was shut already.
func (g *gate) close() bool {
	g.mu.Lock()
	if g.shut {
		g.mu.Unlock()
		return false
	}
	g.shut, g.empty = true, make(chan struct{})
	inside := g.inside
	g.mu.Unlock()
	if inside > 0 {
		<-g.empty
	}
	return true
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = false
}
