package dataplane

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/known"
	"github.com/artifortress/afs-engine/engine/source"
	"github.com/artifortress/afs-engine/index"
)

// Owned is a Service in this process, until Close.
type Owned interface {
	Service

	// Over is closed when the service cannot go on, and answers with ErrOver.
	Over() <-chan struct{}

	Close() error
}

// Sharing says how a store is shared.
type Sharing struct {
	// Own makes this process the store's owner. It fails with index.ErrBusy if
	// another one is.
	Own func(context.Context) (Owned, error)

	IndexDir string // where the owner's address is found
	Serving

	// Patience is how long a process may hold the store without being reachable:
	// one that is opening it, or ending. 0: 30 s.
	Patience time.Duration
}

// Shared is a Service of whoever is the store's owner at the time. When that
// is lost another one is found, or this process becomes it, and the call is made
// again. Safe for concurrent use.
type Shared struct {
	o Sharing

	mu       sync.Mutex
	electing chan struct{} // closed when the election under way is over; nil: none is
	owned    Owned         // this process's own service, if it is the owner
	client   *client       // else, if there is a connection
	closed   bool

	here     atomic.Pointer[Owned] // owned, for calls that come by the million
	quit     chan struct{}
	retiring sync.WaitGroup
}

var _ Service = (*Shared)(nil)

// ErrClosed is the answer to calls after Close.
var ErrClosed = errors.New("the store is closed")

// Share finds the store's owner, or becomes it.
func Share(ctx context.Context, o Sharing) (*Shared, error) {
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Shared{o: o, quit: make(chan struct{})}
	_, err := s.service(ctx)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// owns reports whether this process is the owner now.
func (s *Shared) owns() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.owned != nil
}

// Close leaves the store. Calls must have ended.
func (s *Shared) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.quit)
	owned, client := s.owned, s.client
	s.owned, s.client = nil, nil
	s.here.Store(nil)
	s.mu.Unlock()
	var err error
	if owned != nil {
		err = owned.Close()
	}
	if client != nil {
		err = errors.Join(err, client.close())
	}
	s.retiring.Wait()
	return err
}

// retire ends an owner that cannot go on, so that the next call finds another.
func (s *Shared) retire(o Owned) {
	select {
	case <-s.quit:
		return
	case <-o.Over():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owned != o {
		return
	}
	s.owned = nil
	s.here.Store(nil)
	if err := o.Close(); err != nil {
		s.o.Logger.Warn("the index could not be closed", "error", err)
	}
}

// service is the one to call.
func (s *Shared) service(ctx context.Context) (Service, error) {
	for {
		s.mu.Lock()
		switch {
		case s.closed:
			s.mu.Unlock()
			return nil, ErrClosed
		case s.owned != nil:
			defer s.mu.Unlock()
			return s.owned, nil
		case s.client != nil:
			defer s.mu.Unlock()
			return s.client, nil
		case s.electing == nil:
			done := make(chan struct{})
			s.electing = done
			s.mu.Unlock()
			owned, client, err := s.elect(ctx)
			s.mu.Lock()
			s.electing = nil
			close(done)
			if err == nil && s.closed {
				err = ErrClosed
				s.mu.Unlock()
				if owned != nil {
					err = errors.Join(err, owned.Close())
				}
				if client != nil {
					err = errors.Join(err, client.close())
				}
				return nil, err
			}
			s.owned, s.client = owned, client
			if owned != nil {
				s.here.Store(&owned)
				s.retiring.Go(func() { s.retire(owned) })
			}
			s.mu.Unlock()
			if err != nil {
				return nil, err
			}
			continue
		}
		wait := s.electing
		s.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Pauses between attempts: whoever holds the store without an address that
// answers is most likely opening or closing it.
const (
	pauseMin = 2 * time.Millisecond
	pauseMax = 100 * time.Millisecond
)

// elect becomes the owner, or finds it.
func (s *Shared) elect(ctx context.Context) (Owned, *client, error) {
	deadline := time.Now().Add(s.o.Patience)
	for pause := pauseMin; ; pause = min(2*pause, pauseMax) {
		owned, err := s.o.Own(ctx)
		if err == nil {
			return owned, nil, nil
		}
		if !errors.Is(err, index.ErrBusy) {
			return nil, nil, err
		}
		client, derr := s.reach(ctx, deadline)
		if derr == nil {
			return nil, client, nil
		}
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if errors.Is(derr, ErrSkew) || errors.Is(derr, errForeign) {
			return nil, nil, derr
		}
		if time.Now().After(deadline) {
			return nil, nil, fmt.Errorf("%w (%w)", err, derr)
		}
		s.o.Logger.Debug("the store is held, and its owner is not to be reached yet", "error", derr)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

func (s *Shared) reach(ctx context.Context, deadline time.Time) (*client, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	there, err := addressIn(s.o.IndexDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: it says nowhere how", ErrSilent)
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("%w: it is another user's", errForeign)
	}
	if err != nil {
		return nil, err
	}
	c, err := dial(ctx, there.Socket, s.o.Serving)
	if err != nil {
		return nil, fmt.Errorf("reach process %d: %w", there.PID, err)
	}
	return c, nil
}

// drop forgets a client whose owner is lost.
func (s *Shared) drop(lost Service) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := lost.(*client); ok && s.client == c {
		s.client = nil
		_ = c.close()
	}
}

// overMax is after how many owners that could not go on a call is given up, or
// how often one is asked that is about to leave.
const overMax = 50

// do makes a call, again if need be. again is true when nobody knows whether it
// has been carried out.
func (s *Shared) do(ctx context.Context, f func(v Service, again bool) error) error {
	again, over := false, 0
	for {
		v, err := s.service(ctx)
		if err != nil {
			return err
		}
		err = f(v, again)
		switch {
		case errors.Is(err, errLost):
			s.o.Logger.Debug("the owner is lost", "error", err)
			s.drop(v)
			again = true
		case errors.Is(err, ErrOver) && over < overMax, errors.Is(err, errLater), errors.Is(err, ErrClosed) && s.open(): // the owner is leaving
			if errors.Is(err, ErrOver) {
				over++
				again = true
			}
			select {
			case <-time.After(pauseMin):
			case <-ctx.Done():
				return ctx.Err()
			}
		default:
			return err
		}
	}
}

func (s *Shared) open() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.closed
}

func (s *Shared) Has(ctx context.Context, ids []chunker.ID, have []bool) error {
	if v := s.here.Load(); v != nil {
		if err := (*v).Has(ctx, ids, have); err == nil {
			return nil
		}
	}
	return s.do(ctx, func(v Service, _ bool) error { return v.Has(ctx, ids, have) })
}

func (s *Shared) Lookup(ctx context.Context, ids []chunker.ID, found []Place) error {
	if v := s.here.Load(); v != nil {
		if err := (*v).Lookup(ctx, ids, found); err == nil {
			return nil
		}
	}
	return s.do(ctx, func(v Service, _ bool) error { return v.Lookup(ctx, ids, found) })
}

func (s *Shared) Frames(ctx context.Context, frames []FrameID, places []FramePlace) error {
	return s.do(ctx, func(v Service, _ bool) error { return v.Frames(ctx, frames, places) })
}

func (s *Shared) Get(ctx context.Context, key []byte) (value []byte, ok bool, err error) {
	err = s.do(ctx, func(v Service, _ bool) (err error) { value, ok, err = v.Get(ctx, key); return err })
	return value, ok, err
}

func (s *Shared) Page(ctx context.Context, prefix, from []byte, size int) (rows []Row, more bool, err error) {
	err = s.do(ctx, func(v Service, _ bool) (err error) { rows, more, err = v.Page(ctx, prefix, from, size); return err })
	return rows, more, err
}

func (s *Shared) Known(ctx context.Context, ids []source.Identity, t known.Trust, keep bool, found []KnownFile) error {
	if v := s.here.Load(); v != nil {
		if err := (*v).Known(ctx, ids, t, keep, found); err == nil {
			return nil
		}
	}
	return s.do(ctx, func(v Service, _ bool) error { return v.Known(ctx, ids, t, keep, found) })
}

func (s *Shared) Learn(ctx context.Context, files []LearntFile) error {
	return s.do(ctx, func(v Service, _ bool) error { return v.Learn(ctx, files) })
}

func (s *Shared) Renew(ctx context.Context, id index.SessionID, pid int) error {
	return s.do(ctx, func(v Service, _ bool) error { return v.Renew(ctx, id, pid) })
}

func (s *Shared) End(ctx context.Context, id index.SessionID) error {
	return s.do(ctx, func(v Service, _ bool) error { return v.End(ctx, id) })
}

func (s *Shared) Commit(ctx context.Context, g *Group) (all []Outcome, err error) {
	err = s.do(ctx, func(v Service, again bool) (err error) {
		for i := range g.Transitions {
			g.Transitions[i].Again = g.Transitions[i].Again || again
		}
		all, err = v.Commit(ctx, g)
		return err
	})
	return all, err
}

func (s *Shared) State(ctx context.Context) (st State, err error) {
	err = s.do(ctx, func(v Service, _ bool) (err error) { st, err = v.State(ctx); return err })
	return st, err
}

func (s *Shared) Packs(ctx context.Context, from uint32) (packs []NumberedPack, more bool, err error) {
	err = s.do(ctx, func(v Service, _ bool) (err error) { packs, more, err = v.Packs(ctx, from); return err })
	return packs, more, err
}

func (s *Shared) Rebuild(ctx context.Context) (r Rebuilt, err error) {
	err = s.do(ctx, func(v Service, _ bool) (err error) { r, err = v.Rebuild(ctx); return err })
	return r, err
}

// stayEvery is how soon somebody who stays notices that the owner has gone.
const stayEvery = 200 * time.Millisecond

// Stay keeps the store attended until ctx ends: as soon as it has no other owner
// this process becomes it.
func (s *Shared) Stay(ctx context.Context) error {
	for {
		if _, err := s.State(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		select {
		case <-time.After(stayEvery):
		case <-ctx.Done():
			return nil
		}
	}
}
