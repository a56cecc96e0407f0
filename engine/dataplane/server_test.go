package dataplane

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"testing"

	"storj.io/drpc"
	"storj.io/drpc/drpcserver"
)

// ended is a call whose connection has been ended by the owner, and which could
// still be answered.
type ended struct {
	ctx  context.Context
	sent []drpc.Message
}

func (e *ended) Context() context.Context                  { return e.ctx }
func (e *ended) MsgRecv(drpc.Message, drpc.Encoding) error { return nil }
func (e *ended) MsgSend(m drpc.Message, _ drpc.Encoding) error {
	e.sent = append(e.sent, m)
	return nil
}
func (e *ended) CloseSend() error { return nil }
func (e *ended) Close() error     { return nil }

// What was done all the same is told; that the owner has given up waiting is
// not: the client would take it for its own end.
func TestTheEndOfTheOwnerIsNoAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var fails error
	v, err := newServer(&fake{hook: func(context.Context, string) error { return fails }}, serving())
	if err != nil {
		t.Fatal(err)
	}
	for _, fails = range []error{nil, errNamed, context.Canceled} {
		e := &ended{ctx: ctx}
		err := calls[callState](ctx, &handler{v: v}, e)
		if answered := len(e.sent) == 1; answered != (fails != context.Canceled) || answered != (err == nil) {
			t.Errorf("%v: answered %t, %v", fails, answered, err)
		}
	}
}

// babbler says hello as it should, and then what nobody understands.
type babbler struct{}

func (babbler) HandleRPC(stream drpc.Stream, name string) error {
	c, err := newCodec()
	if err != nil {
		return err
	}
	var q any
	if err := stream.MsgRecv(&q, c); err != nil {
		return err
	}
	if name == callHello {
		return stream.MsgSend(&hello{Protocol, "test/2", storeID}, c)
	}
	return stream.MsgSend(encoded{0xff}, c)
}

func TestAnAnswerThatMakesNoSenseIsNotAskedForAgain(t *testing.T) {
	dir := shortDir(t)
	lis, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	go func() { _ = drpcserver.New(babbler{}).Serve(t.Context(), lis) }()
	write(t, dir, `{"pid":1,"socket":"`+lis.Addr().String()+`"}`)
	s := share(t, dir, busy, nil)
	if _, err := s.State(t.Context()); !errors.Is(err, ErrProtocol) {
		t.Fatal(err)
	}
}

// A deadline that is not the wait for others is an error like any other, and
// the call is not made again: it may have been carried out.
func TestADeadlineOfTheServiceIsNotTakenForAWait(t *testing.T) {
	s := serveFake(t, &fake{hook: func(context.Context, string) error { return context.DeadlineExceeded }})
	if _, err := s.dial(t).State(t.Context()); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errLater) {
		t.Fatal(err)
	}
}

func TestAPanicIsAnAnswer(t *testing.T) {
	f := &fake{hook: func(_ context.Context, call string) error {
		if call == callState {
			panic("a defect")
		}
		return nil
	}}
	c := serveFake(t, f).dial(t)
	if _, err := c.State(t.Context()); !errors.Is(err, ErrProtocol) {
		t.Fatal(err)
	}
	still(t, c)
}
