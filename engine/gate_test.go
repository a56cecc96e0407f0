package engine

import (
	"context"
	"errors"
	"sync"
	"testing"
)

func TestAPauseKeepsCallsOutAndWaitsForThoseInside(t *testing.T) {
	var g gate
	ctx := t.Context()
	if err := g.enter(ctx); err != nil {
		t.Fatal(err)
	}
	paused, entered := make(chan error), make(chan error)
	go func() { paused <- g.pause(ctx) }()
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	for g.enter(canceled) == nil { // until the pause has begun
		g.leave()
	}
	go func() { entered <- g.enter(ctx) }()
	select {
	case err := <-paused:
		t.Fatalf("a pause did not wait for a call inside: %v", err)
	default:
	}
	g.leave()
	if err := <-paused; err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-entered:
		t.Fatalf("a call went into a gate that is paused: %v", err)
	default:
	}
	g.resume()
	if err := <-entered; err != nil {
		t.Fatal(err)
	}
	g.leave()
}

func TestAPauseThatIsGivenUpLetsCallsInAgain(t *testing.T) {
	var g gate
	if err := g.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.pause(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := g.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.leave()
	g.leave()
}

func TestAClosedGateRefusesWhoeverWaits(t *testing.T) {
	for name, end := range map[string]func(*gate){
		"closed":    func(g *gate) { go g.close(); <-closedSeen(g); g.resume() },
		"abandoned": (*gate).abandon,
	} {
		var g gate
		if err := g.pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		answers := make(chan error)
		for range 3 {
			go func() { answers <- g.enter(t.Context()) }()
			go func() { answers <- g.pause(t.Context()) }()
		}
		end(&g)
		for range 6 {
			if err := <-answers; !errors.Is(err, ErrClosed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		g.close() // waits for nobody
	}
}

// closedSeen is closed once calls are refused.
func closedSeen(g *gate) <-chan struct{} {
	seen := make(chan struct{})
	go func() {
		defer close(seen)
		for {
			g.mu.Lock()
			closed := g.closed
			g.mu.Unlock()
			if closed {
				return
			}
		}
	}()
	return seen
}

// Whatever comes in whatever order: inside a pause nobody else is, and after
// close nobody at all.
func TestAGateInACrowd(t *testing.T) {
	var g gate
	var wg sync.WaitGroup
	state := 0 // guarded by the gate alone, for the race detector; changed only in pauses
	for range 8 {
		wg.Go(func() {
			for g.enter(t.Context()) == nil {
				if state < 0 {
					t.Error("a number of pauses below 0")
				}
				g.leave()
			}
		})
	}
	for range 3 {
		wg.Go(func() {
			for g.pause(t.Context()) == nil {
				state++
				g.resume()
			}
		})
	}
	for range 200 {
		if err := g.pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		state++
		g.resume()
	}
	g.close()
	state++
	wg.Wait()
}
