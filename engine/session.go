package engine

import (
	"context"
	"crypto/rand"
	"os"
	"sync"
	"time"

	"github.com/artifortress/afs-engine/index"
)

// session is an ingest as the index knows it: from its beginning there may be
// packs in the store that no record names yet.
type session struct {
	e     *Local
	id    index.SessionID
	lease time.Time
	mark  uint64
}

func (e *Local) beginSession(ctx context.Context) (*session, error) {
	s := &session{e: e, mark: e.commits.packer.enter()}
	_, _ = rand.Read(s.id[:]) // never fails
	e.sessions.add(s.id)
	return s, s.renew(ctx)
}

// renew keeps the lease ahead of the time; it asks only when half of it has
// gone.
func (s *session) renew(ctx context.Context) error {
	now := s.e.c.Now()
	if s.lease.Sub(now) > s.e.settings.SessionLease/2 {
		return nil
	}
	s.lease = now.Add(s.e.settings.SessionLease)
	return s.e.plane.Renew(ctx, s.id, os.Getpid())
}

// end forgets the session, unless packs were lost during it: some of them may
// be in the store after all, and the next owner will look for them.
func (s *session) end(ctx context.Context) {
	defer s.e.commits.packer.leave()
	defer s.e.sessions.remove(s.id)
	if s.check() != nil {
		return
	}
	if err := s.e.plane.End(context.WithoutCancel(ctx), s.id); err != nil {
		s.e.c.Logger.Warn("a session could not be ended", "error", err)
	}
}

// check fails if packs that the session may count on were lost.
func (s *session) check() error { return s.e.commits.packer.check(s.mark) }

// sessions are those under way in an engine. The zero value works.
type sessions struct {
	mu  sync.Mutex
	ids map[index.SessionID]struct{}
}

func (s *sessions) add(id index.SessionID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids = map[index.SessionID]struct{}{}
	}
	s.ids[id] = struct{}{}
}

func (s *sessions) remove(id index.SessionID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ids, id)
}

func (s *sessions) has(id index.SessionID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.ids[id]
	return ok
}
