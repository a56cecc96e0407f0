package dataplane

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/artifortress/afs-engine/index"
)

// lock is what only one can have; whoever has it serves f in dir.
type lock struct {
	t     *testing.T
	dir   string
	f     *fake
	quiet bool // owners are not to be reached

	mu    sync.Mutex
	held  bool
	times int // taken
}

// holder is an owner as long as it has the lock.
type holder struct {
	*fake
	l *lock
	v *Server
}

func newLock(t *testing.T) *lock { return &lock{t: t, dir: shortDir(t), f: &fake{}} }

func (l *lock) own(context.Context) (Owned, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held {
		return nil, fmt.Errorf("%w: by another", index.ErrBusy)
	}
	h := &holder{fake: l.f, l: l}
	if !l.quiet {
		lis, err := Listen(l.dir, l.dir, storeID)
		if err != nil {
			return nil, err
		}
		if h.v, err = Serve(lis, l.f, serving()); err != nil {
			return nil, err
		}
	}
	l.held = true
	l.times++
	return h, nil
}

func (h *holder) Close() (err error) {
	if h.v != nil {
		err = h.v.Close()
	}
	h.l.mu.Lock()
	defer h.l.mu.Unlock()
	h.l.held = false
	return err
}

// busy is the lock of others.
func busy(context.Context) (Owned, error) { return nil, index.ErrBusy }

func share(t testing.TB, dir string, own func(context.Context) (Owned, error), change func(*Sharing)) *Shared {
	t.Helper()
	o := Sharing{Own: own, IndexDir: dir, Serving: serving()}
	if change != nil {
		change(&o)
	}
	s, err := Share(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func (l *lock) share() *Shared { l.t.Helper(); return share(l.t, l.dir, l.own, nil) }

func closed(t *testing.T, s *Shared) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestTheFirstIsTheOwnerAndTheNextTakesItsPlace(t *testing.T) {
	l := newLock(t)
	first, second, third := l.share(), l.share(), l.share()
	if !first.owns() || second.owns() || third.owns() {
		t.Fatal("not the first is the owner")
	}
	for _, s := range []*Shared{first, second, third} {
		still(t, s)
	}
	closed(t, first)
	still(t, second)
	still(t, third)
	if second.owns() == third.owns() {
		t.Fatalf("after the first has left, of two others both or none is the owner: %t", second.owns())
	}
	closed(t, second)
	still(t, third)
	if !third.owns() {
		t.Fatal("the last one is not the owner")
	}
	if _, _, err := second.Get(t.Context(), nil); !errors.Is(err, ErrClosed) {
		t.Fatalf("a call after Close: %v", err)
	}
}

// The owner goes while it carries out a call: the next one is asked again, and
// told that it is.
func TestACallUnderWayIsMadeAgainUnderTheNextOwner(t *testing.T) {
	l := newLock(t)
	begun := make(chan struct{}, 1)
	leaving := make(chan struct{})
	l.f.hook = func(ctx context.Context, call string) error {
		select {
		case <-leaving:
			return nil
		default:
			begun <- struct{}{}
		}
		<-ctx.Done()
		return ctx.Err()
	}
	owner, client := l.share(), l.share()
	g := someGroup()
	for i := range g.Transitions {
		g.Transitions[i].Again = false
	}
	g.Packs = nil
	answer := make(chan error)
	go func() {
		_, err := client.Commit(t.Context(), g)
		answer <- err
	}()
	<-begun
	close(leaving)
	closed(t, owner)
	if err := <-answer; err != nil {
		t.Fatal(err)
	}
	if !client.owns() {
		t.Error("the client has not become the owner")
	}
	heard := l.f.taken()
	if len(heard) != 2 || strings.Count(heard[0], " true") >= strings.Count(heard[1], " true") {
		t.Errorf("the service was asked %q", heard)
	}
	for i := range g.Transitions {
		if !g.Transitions[i].Again {
			t.Errorf("transition %d is not said to be made again", i)
		}
	}
}

// A client must not take the end of the owner's own context for its own.
func TestAnOwnerThatLeavesIsLostAndNothingElse(t *testing.T) {
	for range 50 {
		begun := make(chan struct{})
		s := serveFake(t, &fake{hook: func(ctx context.Context, _ string) error {
			close(begun)
			<-ctx.Done()
			return ctx.Err()
		}})
		c := s.dial(t)
		answer := make(chan error)
		go func() {
			_, err := c.State(t.Context())
			answer <- err
		}()
		<-begun
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-answer; !errors.Is(err, errLost) {
			t.Fatal(err)
		}
	}
}
