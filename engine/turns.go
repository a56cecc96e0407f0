package engine

import (
	"context"
	"sync"

	"github.com/artifortress/afs-engine/engine/registry"
)

// turns lets one at a time work on a reference, so that two who add to one
// draft at once both find what the other has added. The zero value works.
type turns struct {
	mu   sync.Mutex
	busy map[registry.Ref]chan struct{} // closed when the turn ends
}

// take waits for ref's turn; done ends it.
func (t *turns) take(ctx context.Context, ref registry.Ref) (done func(), err error) {
	for {
		t.mu.Lock()
		before, taken := t.busy[ref]
		if !taken {
			break
		}
		t.mu.Unlock()
		select {
		case <-before:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	defer t.mu.Unlock()
	if t.busy == nil {
		t.busy = map[registry.Ref]chan struct{}{}
	}
	mine := make(chan struct{})
	t.busy[ref] = mine
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.busy, ref)
		close(mine)
	}, nil
}
