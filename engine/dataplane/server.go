package dataplane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"storj.io/drpc"
	"storj.io/drpc/drpcerr"
	"storj.io/drpc/drpcmanager"
	"storj.io/drpc/drpcserver"
	"storj.io/drpc/drpcwire"
)

// Limits of a server.
const (
	connsMax    = 256 // in all
	connsOfPeer = 32  // of one process
	waitMax     = 20 * time.Second

	// idleMax is after how long without a call a connection is given up. One that
	// sends what is no call is not read any more, so its end is not noticed.
	idleMax = 2 * time.Minute
)

// codeRefused marks the answer to a call that must not be made again: it makes
// no sense.
const codeRefused = 1

// Serving says what a server tells of itself.
type Serving struct {
	Store   string // the store's id
	Program string // name/version
	Twins   bool   // believe what processes that run this very program say of packs
	Errors  Errors
	Logger  *slog.Logger
}

// Server answers clients on a listener. The zero value is of no use: Serve.
type Server struct {
	Serving
	service Service
	codec   codec
	lis     *net.UnixListener
	stop    context.CancelFunc
	all     sync.WaitGroup

	// wait is how long a call may wait for others, such as a rebuild. Then the
	// client is told to come again, and so learns that somebody is there.
	wait time.Duration
	idle time.Duration // see idleMax

	mu    sync.Mutex
	conns map[net.Conn]int // of which process
}

// Serve answers on lis, which it takes over, until Close.
func Serve(lis *net.UnixListener, s Service, o Serving) (*Server, error) {
	v, err := newServer(s, o)
	if err != nil {
		return nil, err
	}
	v.start(lis)
	return v, nil
}

func newServer(s Service, o Serving) (*Server, error) {
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Server{Serving: o, service: s, codec: c, wait: waitMax, idle: idleMax, conns: map[net.Conn]int{}}, nil
}

func (v *Server) start(lis *net.UnixListener) {
	ctx, stop := context.WithCancel(context.Background())
	v.lis, v.stop = lis, stop
	v.all.Go(func() { v.accept(ctx) })
}

// Close stops at once: it waits for no client, only for calls that are being
// carried out.
func (v *Server) Close() error {
	err := v.lis.Close() // removes the socket, too
	v.stop()
	v.mu.Lock()
	for c := range v.conns {
		_ = c.Close()
	}
	v.mu.Unlock()
	v.all.Wait()
	return err
}

func (v *Server) accept(ctx context.Context) {
	for {
		conn, err := v.lis.AcceptUnix()
		switch {
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			if err == nil {
				_ = conn.Close()
			}
			return
		case err != nil: // out of descriptors, perhaps
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
				return
			}
			continue
		}
		peer, err := peerOf(conn)
		if err == nil {
			err = v.admit(conn, peer)
		}
		if err != nil {
			v.Logger.Debug("a client is refused", "error", err)
			_ = conn.Close()
			continue
		}
		v.all.Go(func() {
			v.serve(ctx, conn, peer)
			v.dismiss(conn)
		})
	}
}

// admit counts a connection, if there may be another one.
func (v *Server) admit(conn net.Conn, p peer) error {
	if !p.trusted() {
		return fmt.Errorf("process %d of user %d", p.pid, p.uid)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	of := 0
	for _, pid := range v.conns {
		if pid == p.pid {
			of++
		}
	}
	if len(v.conns) >= connsMax || of >= connsOfPeer {
		return fmt.Errorf("process %d: too many connections", p.pid)
	}
	v.conns[conn] = p.pid
	return nil
}

func (v *Server) dismiss(conn net.Conn) {
	_ = conn.Close()
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.conns, conn)
}

func (v *Server) serve(ctx context.Context, conn net.Conn, p peer) {
	h := &handler{v: v, pid: p.pid, twin: v.Twins && p.twin()}
	o := managerOptions()
	o.InactivityTimeout = v.idle
	s := drpcserver.NewWithOptions(h, drpcserver.Options{Manager: o})
	err := s.ServeOne(ctx, conn)
	if err != nil && ctx.Err() == nil && !isHangUp(err) {
		v.Logger.Debug("a client's connection ended", "pid", p.pid, "error", err)
	}
}

func managerOptions() drpcmanager.Options {
	return drpcmanager.Options{Reader: drpcwire.ReaderOptions{MaximumBufferSize: messageMax}}
}

// handler answers the calls of one connection, one after the other.
type handler struct {
	v     *Server
	pid   int
	twin  bool
	known bool // it has said hello
}

var _ drpc.Handler = (*handler)(nil)

// HandleRPC implements drpc.Handler. A panic is a defect of this program; it
// must not take down an owner that others rely on.
func (h *handler) HandleRPC(stream drpc.Stream, name string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			h.v.Logger.Error("a client's call failed", "call", name, "panic", r)
			err = badMessage("%s cannot be answered", name)
		}
		if errors.Is(err, ErrProtocol) {
			err = drpcerr.WithCode(err, codeRefused)
		}
	}()
	if name == callHello {
		return h.hello(stream)
	}
	if !h.known {
		return badMessage("%s before hello", name)
	}
	f, ok := calls[name]
	if !ok {
		return badMessage("no call is named %q", name)
	}
	return f(stream.Context(), h, stream)
}

// hello tells who is here, also to those with whom no more can be said.
func (h *handler) hello(stream drpc.Stream) error {
	var q hello
	if err := stream.MsgRecv(&q, h.v.codec); err != nil {
		return err
	}
	h.known = q.Protocol == Protocol && q.Store == h.v.Store
	return stream.MsgSend(&hello{Protocol, h.v.Program, h.v.Store}, h.v.codec)
}

// calls are all others.
var calls = map[string]func(context.Context, *handler, drpc.Stream) error{
	callHas:     unary((*handler).has),
	callLookup:  unary((*handler).lookup),
	callFrames:  unary((*handler).frames),
	callGet:     unary((*handler).get),
	callPage:    unary((*handler).page),
	callKnown:   unary((*handler).knownFiles),
	callLearn:   unary((*handler).learn),
	callRenew:   unary((*handler).renew),
	callEnd:     unary((*handler).end),
	callCommit:  unary((*handler).commit),
	callState:   unary((*handler).state),
	callPacks:   unary((*handler).packs),
	callRebuild: unary((*handler).rebuild),
}

func unary[Q, R any](f func(*handler, context.Context, *Q) (R, error)) func(context.Context, *handler, drpc.Stream) error {
	return func(ctx context.Context, h *handler, stream drpc.Stream) error {
		var q Q
		if err := stream.MsgRecv(&q, h.v.codec); err != nil {
			return err
		}
		waiting, cancel := context.WithTimeout(ctx, h.v.wait)
		defer cancel()
		v, err := f(h, waiting, &q)
		switch {
		case errors.Is(err, context.Canceled) && ctx.Err() != nil:
			return err // by the owner that leaves, not by the client: that must not read it
		case errors.Is(err, context.DeadlineExceeded) && waiting.Err() != nil:
			err = errLater
		}
		return stream.MsgSend(&reply[R]{v, h.v.Errors.encode(err)}, h.v.codec)
	}
}

func (h *handler) has(ctx context.Context, q *idsQuery) (r hasReply, err error) {
	ids, err := unpackIDs(q.IDs)
	if err != nil {
		return r, err
	}
	have := make([]bool, len(ids))
	err = h.v.service.Has(ctx, ids, have)
	r.Have = make([]byte, len(ids))
	for i, ok := range have {
		if ok {
			r.Have[i] = 1
		}
	}
	return r, err
}

func (h *handler) lookup(ctx context.Context, q *idsQuery) (r lookupReply, err error) {
	ids, err := unpackIDs(q.IDs)
	if err != nil {
		return r, err
	}
	found := make([]Place, len(ids))
	if err = h.v.service.Lookup(ctx, ids, found); err == nil {
		r.Places = packPlaces(found)
	}
	return r, err
}

func (h *handler) frames(ctx context.Context, q *framesQuery) (r framesReply, err error) {
	if len(q.Frames) > IDsMax {
		return r, badMessage("%d frames", len(q.Frames))
	}
	places := make([]FramePlace, len(q.Frames))
	if err = h.v.service.Frames(ctx, q.Frames, places); err == nil {
		r.Places = packFramePlaces(places)
	}
	return r, err
}

func (h *handler) get(ctx context.Context, q *getQuery) (r getReply, err error) {
	r.Value, r.OK, err = h.v.service.Get(ctx, q.Key)
	return r, err
}

func (h *handler) page(ctx context.Context, q *pageQuery) (r pageReply, err error) {
	r.Rows, r.More, err = h.v.service.Page(ctx, q.Prefix, q.From, q.Size)
	return r, err
}

func (h *handler) knownFiles(ctx context.Context, q *knownQuery) (r knownReply, err error) {
	ids, err := unpackIdentities(q.Files)
	if err != nil {
		return r, err
	}
	found := make([]KnownFile, len(ids))
	if err = h.v.service.Known(ctx, ids, q.Trust, q.Keep, found); err == nil {
		r.Files = packKnown(found)
	}
	return r, err
}

func (h *handler) learn(ctx context.Context, q *learnQuery) (none, error) {
	files, err := unpackLearnt(q.Files)
	if err != nil {
		return none{}, err
	}
	return none{}, h.v.service.Learn(ctx, files)
}

func (h *handler) renew(ctx context.Context, q *sessionQuery) (none, error) {
	return none{}, h.v.service.Renew(ctx, q.Session, h.pid)
}

func (h *handler) end(ctx context.Context, q *sessionQuery) (none, error) {
	return none{}, h.v.service.End(ctx, q.Session)
}

func (h *handler) commit(ctx context.Context, g *Group) (r commitReply, err error) {
	if len(g.Packs) > GroupMax || len(g.Transitions) > GroupMax {
		return r, badMessage("a group of %d packs and %d transitions", len(g.Packs), len(g.Transitions))
	}
	for i := range g.Transitions {
		if err := g.Transitions[i].check(); err != nil {
			return r, err
		}
	}
	for i := range g.Packs {
		g.Packs[i].Believed = h.twin
	}
	all, err := h.v.service.Commit(ctx, g)
	for _, o := range all {
		r.Outcomes = append(r.Outcomes, outcome{o, h.v.Errors.encode(o.Err)})
	}
	return r, err
}

func (h *handler) state(ctx context.Context, _ *none) (State, error) { return h.v.service.State(ctx) }

func (h *handler) packs(ctx context.Context, q *packsQuery) (r packsReply, err error) {
	r.Packs, r.More, err = h.v.service.Packs(ctx, q.From)
	return r, err
}

func (h *handler) rebuild(ctx context.Context, _ *none) (Rebuilt, error) {
	return h.v.service.Rebuild(context.WithoutCancel(ctx))
}
