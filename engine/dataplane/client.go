package dataplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"storj.io/drpc"
	"storj.io/drpc/drpcconn"
	"storj.io/drpc/drpcerr"
	"storj.io/drpc/drpcpool"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/known"
	"github.com/artifortress/afs-engine/engine/source"
	"github.com/artifortress/afs-engine/index"
)

// Deadlines of calls. One that runs out is taken for a lost connection: nobody
// knows what came of the call.
const (
	callMax   = time.Minute
	commitMax = 15 * time.Minute // a disk may be slow, and packs are checked first
	helloMax  = 10 * time.Second
	connsIdle = 8               // connections kept for the next calls
	connsUsed = connsOfPeer / 2 // calls at once; others wait for their turn
)

// client is a Service in another process. A connection carries one call at a
// time; calls at once take several.
type client struct {
	addr  string
	says  Serving
	codec codec
	pool  *drpcpool.Pool[string, *drpcconn.Conn]
	turns chan struct{} // holds one for each call under way

	closed atomic.Bool
}

var _ Service = (*client)(nil)

// dial reaches the owner that listens at addr.
func dial(ctx context.Context, addr string, says Serving) (*client, error) {
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	s := &client{
		addr: addr, says: says, codec: c, turns: make(chan struct{}, connsUsed),
		pool: drpcpool.New[string, *drpcconn.Conn](drpcpool.Options{Capacity: connsIdle, Expiration: idleMax / 2}),
	}
	first, err := s.connect(ctx, addr)
	if err != nil {
		return nil, err
	}
	return s, first.Close()
}

// close gives the connections back: those of calls under way when these end.
func (c *client) close() error {
	c.closed.Store(true)
	return c.pool.Close()
}

// connect makes a connection and learns who is there.
func (c *client) connect(ctx context.Context, addr string) (*drpcconn.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, helloMax)
	defer cancel()
	var d net.Dialer
	raw, err := d.DialContext(ctx, "unix", addr)
	if err != nil {
		return nil, err
	}
	conn := drpcconn.NewWithOptions(raw, drpcconn.Options{Manager: managerOptions()})
	if err := c.greet(ctx, raw.(*net.UnixConn), conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func (c *client) greet(ctx context.Context, raw *net.UnixConn, conn *drpcconn.Conn) error {
	p, err := peerOf(raw)
	if err != nil {
		return err
	}
	if !p.trusted() && os.Geteuid() != 0 {
		return fmt.Errorf("%w: process %d of user %d", ErrSilent, p.pid, p.uid)
	}
	var there hello
	if err := conn.Invoke(ctx, callHello, c.codec, &hello{Protocol, c.says.Program, c.says.Store}, &there); err != nil {
		return err
	}
	switch {
	case there.Store != c.says.Store:
		return fmt.Errorf("%w: it has another store open", ErrSilent)
	case there.Protocol != Protocol:
		return fmt.Errorf("%w: process %d is %s and speaks protocol %d, this is %s and speaks %d",
			ErrSkew, p.pid, there.Program, there.Protocol, c.says.Program, Protocol)
	}
	return nil
}

// call makes one call. The query is encoded first: what cannot be must not
// leave half a call on the connection.
func call[R any](ctx context.Context, c *client, deadline time.Duration, name string, q any) (R, error) {
	var r reply[R]
	query, err := c.codec.Marshal(q)
	if err != nil {
		return r.Value, err
	}
	select {
	case c.turns <- struct{}{}:
		defer func() { <-c.turns }()
	case <-ctx.Done():
		return r.Value, ctx.Err()
	}
	outer := ctx
	if deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, deadline)
		defer cancel()
	}
	conn := c.pool.Get(ctx, c.addr, c.connect)
	defer func() {
		_ = conn.Close()
		if c.closed.Load() {
			_ = c.pool.Close() // the call has put its connection back
		}
	}()
	err = conn.Invoke(ctx, name, c.codec, encoded(query), &r)
	switch {
	case err == nil:
		return r.Value, c.says.Errors.decode(r.Fail)
	case outer.Err() != nil:
		return r.Value, outer.Err()
	case errors.Is(err, ErrSkew), errors.Is(err, ErrSilent), errors.Is(err, ErrProtocol):
		return r.Value, err
	case drpcerr.Code(err) == codeRefused:
		return r.Value, badMessage("%s: %w", name, err)
	}
	return r.Value, fmt.Errorf("%w: %w", errLost, err)
}

// isHangUp reports whether err says no more than that the other end has gone.
func isHangUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, context.Canceled) || drpc.ClosedError.Has(err)
}

func (c *client) Has(ctx context.Context, ids []chunker.ID, have []bool) error {
	r, err := call[hasReply](ctx, c, callMax, callHas, &idsQuery{packIDs(ids)})
	if err == nil && len(r.Have) != len(have) {
		err = badMessage("%d answers for %d ids", len(r.Have), len(have))
	}
	for i := range r.Have {
		if err == nil {
			have[i] = r.Have[i] == 1
		}
	}
	return err
}

func (c *client) Lookup(ctx context.Context, ids []chunker.ID, found []Place) error {
	r, err := call[lookupReply](ctx, c, callMax, callLookup, &idsQuery{packIDs(ids)})
	if err != nil {
		return err
	}
	return unpackPlaces(r.Places, found)
}

func (c *client) Frames(ctx context.Context, frames []FrameID, places []FramePlace) error {
	r, err := call[framesReply](ctx, c, callMax, callFrames, &framesQuery{frames})
	if err != nil {
		return err
	}
	return unpackFramePlaces(r.Places, places)
}

func (c *client) Get(ctx context.Context, key []byte) ([]byte, bool, error) {
	r, err := call[getReply](ctx, c, callMax, callGet, &getQuery{key})
	return r.Value, r.OK, err
}

func (c *client) Page(ctx context.Context, prefix, from []byte, size int) ([]Row, bool, error) {
	r, err := call[pageReply](ctx, c, callMax, callPage, &pageQuery{prefix, from, size})
	return r.Rows, r.More, err
}

func (c *client) Known(ctx context.Context, ids []source.Identity, t known.Trust, keep bool, found []KnownFile) error {
	r, err := call[knownReply](ctx, c, callMax, callKnown, &knownQuery{packIdentities(ids), t, keep})
	if err != nil {
		return err
	}
	return unpackKnown(r.Files, found)
}

func (c *client) Learn(ctx context.Context, files []LearntFile) error {
	_, err := call[none](ctx, c, callMax, callLearn, &learnQuery{packLearnt(files)})
	return err
}

func (c *client) Renew(ctx context.Context, s index.SessionID, _ int) error {
	_, err := call[none](ctx, c, callMax, callRenew, &sessionQuery{s})
	return err
}

func (c *client) End(ctx context.Context, s index.SessionID) error {
	_, err := call[none](ctx, c, callMax, callEnd, &sessionQuery{s})
	return err
}

func (c *client) Commit(ctx context.Context, g *Group) ([]Outcome, error) {
	if err := g.Wait(); err != nil {
		return nil, err
	}
	r, err := call[commitReply](ctx, c, commitMax, callCommit, g)
	if err != nil {
		return nil, err
	}
	if len(r.Outcomes) != len(g.Transitions) {
		return nil, badMessage("%d outcomes of %d transitions", len(r.Outcomes), len(g.Transitions))
	}
	all := make([]Outcome, len(r.Outcomes))
	for i, o := range r.Outcomes {
		all[i] = o.Outcome
		all[i].Err = c.says.Errors.decode(o.Fail)
	}
	return all, nil
}

func (c *client) State(ctx context.Context) (State, error) {
	return call[State](ctx, c, callMax, callState, &none{})
}

func (c *client) Packs(ctx context.Context, from uint32) ([]NumberedPack, bool, error) {
	r, err := call[packsReply](ctx, c, callMax, callPacks, &packsQuery{from})
	return r.Packs, r.More, err
}

func (c *client) Rebuild(ctx context.Context) (Rebuilt, error) {
	return call[Rebuilt](ctx, c, 0, callRebuild, &none{})
}
