package dataplane

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"storj.io/drpc/drpcwire"
)

func TestManyAtOnceElectOneOwner(t *testing.T) {
	l := newLock(t)
	const crowd = 6 // they are of one process, which gets connsOfPeer connections: each four, and one to say hello
	all := make([]*Shared, crowd)
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			s, err := Share(t.Context(), Sharing{Own: l.own, IndexDir: l.dir, Serving: serving()})
			if err != nil {
				t.Error(err)
				return
			}
			all[i] = s
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for round := range crowd {
		owner := -1
		for i, s := range all {
			switch {
			case s == nil || !s.owns():
			case owner >= 0:
				t.Fatalf("round %d: %d and %d are owners", round, owner, i)
			default:
				owner = i
			}
		}
		if owner < 0 || l.times != round+1 {
			t.Fatalf("round %d: owner %d after %d elections", round, owner, l.times)
		}
		leaver := all[owner]
		all[owner] = nil
		wg.Go(func() { closed(t, leaver) })
		for _, s := range all {
			if s != nil { // several calls of each at once: there is one election among them
				for range 4 {
					wg.Go(func() { still(t, s) })
				}
			}
		}
		wg.Wait()
		for _, s := range all {
			if s != nil { // those of before may all have been answered by the leaver
				still(t, s)
			}
		}
	}
}

// A process makes as many calls at once as it likes. Those that its connections
// are too few for wait; none is refused.
func TestMoreCallsAtOnceThanConnectionsWaitForTheirTurn(t *testing.T) {
	var inside, most atomic.Int64
	full := make(chan struct{})
	f := &fake{hook: func(context.Context, string) error {
		n := inside.Add(1)
		defer inside.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == connsUsed {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		<-full
		return nil
	}}
	s := serveFake(t, f)
	client := share(t, s.dir, busy, nil)
	var wg sync.WaitGroup
	for range 8 * connsOfPeer {
		wg.Go(func() {
			for range 5 {
				still(t, client)
			}
		})
	}
	wg.Wait()
	if n := most.Load(); n != connsUsed {
		t.Errorf("%d calls at once, not %d", n, connsUsed)
	}
	if asked := len(f.taken()); asked != 8*connsOfPeer*5 {
		t.Errorf("%d calls were made of %d", asked, 8*connsOfPeer*5)
	}
	c := s.dial(t)
	for range connsUsed {
		c.turns <- struct{}{} // as a call under way does
	}
	f.taken()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.State(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that was given up: %v", err)
	}
	if len(c.turns) != cap(c.turns) || connsUsed >= connsOfPeer || len(f.taken()) > 0 {
		t.Errorf("more than %d calls at once", connsUsed)
	}
}

func TestAProcessHasOnlySoManyConnections(t *testing.T) {
	f := &fake{}
	s := serveFake(t, f)
	for range connsOfPeer {
		greeted(t, s.addr)
	}
	if err := invoke(t, rawConn(t, s.addr), callHello, cborOf(t, &hello{Protocol, "raw/1", storeID})); err == nil {
		t.Error("one connection too many is answered")
	}
	// Others come in, until there are too many in all.
	ends := make([]net.Conn, 0, connsMax)
	for pid := 2; len(ends) < connsMax-connsOfPeer; pid++ {
		for range connsOfPeer / 2 {
			a, b := net.Pipe()
			defer b.Close()
			if err := s.admit(a, peer{pid: -pid}); err != nil {
				t.Fatal(err)
			}
			ends = append(ends, a)
		}
	}
	a, b := net.Pipe()
	defer b.Close()
	if err := s.admit(a, peer{pid: -1}); err == nil {
		t.Error("there may be any number of connections in all")
	}
	s.dismiss(ends[0])
	if err := s.admit(a, peer{pid: -1}); err != nil {
		t.Errorf("where one has gone another cannot come: %v", err)
	}
}

// Close hangs up on clients that are idle, that have sent half a message, and
// that do not read what they asked for.
func TestAnOwnerLeavesWithoutWaitingForItsClients(t *testing.T) {
	f := &fake{}
	s := serveFake(t, f)
	idle := s.dial(t)
	still(t, idle)
	greeted(t, s.addr)
	silent, err := net.Dial("unix", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	half := stalled(t, s.addr, func(whole []byte) []byte { return whole[:len(whole)/2] })
	defer half.Close()
	deaf := stalled(t, s.addr, func(whole []byte) []byte { return whole })
	defer deaf.Close()
	still(t, idle) // while they stall
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(s.conns); n != 0 {
		t.Errorf("%d connections are left", n)
	}
	if _, err := dial(t.Context(), s.addr, serving()); err == nil {
		t.Error("the socket is there still")
	}
}

// stalled is a connection that says hello, sends what part says of a call whose
// answer is large, and reads no more.
func stalled(t testing.TB, addr string, part func([]byte) []byte) net.Conn {
	t.Helper()
	raw, err := net.Dial("unix", addr)
	if err != nil {
		t.Fatal(err)
	}
	_, err = raw.Write(wireCall(1, callHello, cborOf(t, &hello{Protocol, "raw/1", storeID})))
	if _, rerr := raw.Read(make([]byte, 1)); err != nil || rerr != nil { // the answer has begun: hello is over
		t.Fatal(err, rerr)
	}
	if _, err := raw.Write(part(wireCall(2, callGet, cborOf(t, &getQuery{make([]byte, 1<<20)})))); err != nil {
		t.Fatal(err)
	}
	return raw
}

// wireCall is a call as it goes over a connection.
func wireCall(stream uint64, name string, message []byte) (b []byte) {
	for i, f := range []drpcwire.Frame{
		{Kind: drpcwire.KindInvoke, Data: []byte(name)}, {Kind: drpcwire.KindMessage, Data: message}, {Kind: drpcwire.KindCloseSend},
	} {
		f.ID, f.Done = drpcwire.ID{Stream: stream, Message: uint64(i + 1)}, true
		b = drpcwire.AppendFrame(b, f)
	}
	return b
}

// A rebuild takes long. Who waits for it is told in between that somebody is
// there, and comes again.
func TestACallThatWaitsForLongIsToldToComeAgain(t *testing.T) {
	dir := shortDir(t)
	times := 0
	f := &fake{hook: func(ctx context.Context, call string) error {
		if times++; times < 4 {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}}
	s := serveIn(t, dir, f, func(v *Server) { v.wait = time.Millisecond })
	if _, err := s.dial(t).State(t.Context()); !errors.Is(err, errLater) {
		t.Fatalf("a call that waits too long: %v", err)
	}
	g := someGroup()
	g.Packs, g.Transitions = nil, g.Transitions[2:3]
	if _, err := share(t, dir, busy, nil).Commit(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	if times != 4 || g.Transitions[0].Again {
		t.Errorf("asked %d times; to be told that it may have been carried out: %t", times, g.Transitions[0].Again)
	}
}
