package dataplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"storj.io/drpc"
	"storj.io/drpc/drpcserver"

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
	if !first.Owner() || second.Owner() || third.Owner() {
		t.Fatal("not the first is the owner")
	}
	for _, s := range []*Shared{first, second, third} {
		still(t, s)
	}
	closed(t, first)
	still(t, second)
	still(t, third)
	if second.Owner() == third.Owner() {
		t.Fatalf("after the first has left, of two others both or none is the owner: %t", second.Owner())
	}
	closed(t, second)
	still(t, third)
	if !third.Owner() {
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
	if !client.Owner() {
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

func TestWhatDeadOwnersLeaveBlocksNobody(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, dir string){
		"an address where nothing is": func(t *testing.T, dir string) { write(t, dir, `{"pid":1,"socket":"`+dir+`/gone.sock"}`) },
		"an address that is none":     func(t *testing.T, dir string) { write(t, dir, `{"pid":`) },
		"an address of another kind":  func(t *testing.T, dir string) { write(t, dir, `{"pid":1,"socket":"`+dir+`"}`) },
		"half a new address": func(t *testing.T, dir string) {
			write(t, dir, "")
			_ = os.WriteFile(filepath.Join(dir, index.OwnerFile+".new"), []byte("{"), 0o600)
		},
		"a socket that nobody has": func(t *testing.T, dir string) {
			addr := filepath.Join(dir, storeID+"-999999999-0000.sock")
			lis, err := net.ListenUnix("unix", &net.UnixAddr{Name: addr, Net: "unix"})
			if err != nil {
				t.Fatal(err)
			}
			lis.SetUnlinkOnClose(false)
			_ = lis.Close()
			write(t, dir, `{"pid":999999999,"socket":"`+addr+`"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLock(t)
			leave(t, l.dir)
			owner, client := l.share(), l.share()
			still(t, owner)
			still(t, client)
			if !owner.Owner() || client.Owner() {
				t.Error("the first is not the owner")
			}
			socks, err := filepath.Glob(filepath.Join(l.dir, "*.sock"))
			if err != nil || len(socks) != 1 {
				t.Errorf("sockets %q, %v", socks, err)
			}
		})
	}
}

func write(t *testing.T, dir, owner string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, index.OwnerFile), []byte(owner), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAHolderThatDoesNotAnswerMakesTheStoreBusy(t *testing.T) {
	deaf := shortDir(t)
	addr := filepath.Join(deaf, "s")
	lis, err := net.Listen("unix", addr) // accepts, since the kernel does, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	write(t, deaf, `{"pid":1,"socket":"`+addr+`"}`)
	for _, dir := range []string{shortDir(t), deaf} {
		_, err := Share(t.Context(), Sharing{Own: busy, IndexDir: dir, Serving: serving(), Patience: 20 * time.Millisecond})
		if !errors.Is(err, index.ErrBusy) {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Share(ctx, Sharing{Own: busy, IndexDir: dir, Serving: serving()}); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: %v", err)
		}
	}
}

// another answers hello as a version to come would.
type another struct{}

func (another) HandleRPC(stream drpc.Stream, _ string) error {
	c, err := newCodec()
	if err != nil {
		return err
	}
	var q map[string]any
	if err := stream.MsgRecv(&q, c); err != nil {
		return err
	}
	return stream.MsgSend(map[string]any{"Protocol": Protocol + 1, "Program": "later/9", "Store": storeID, "New": []int{1}}, c)
}

func TestAnOwnerOfAnotherVersionIsNamed(t *testing.T) {
	dir := shortDir(t)
	lis, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	go func() { _ = drpcserver.New(another{}).Serve(t.Context(), lis) }()
	write(t, dir, `{"pid":1,"socket":"`+lis.Addr().String()+`"}`)
	_, err = Share(t.Context(), Sharing{Own: busy, IndexDir: dir, Serving: serving()})
	if !errors.Is(err, ErrSkew) || !strings.Contains(err.Error(), "later/9") || !strings.Contains(err.Error(), "test/1") {
		t.Fatal(err)
	}
}
