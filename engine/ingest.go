package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/commitlog"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/index"
)

// States of an IngestResult besides those of a version.
const (
	StateDryRun    = "dry-run"
	StateUnchanged = "unchanged"
)

// Ingest implements Writer: walk, cut, name, look up, pack, describe, publish.
func (e *Local) Ingest(ctx context.Context, req IngestRequest) (*IngestResult, error) {
	if err := e.gate.enter(); err != nil {
		return nil, err
	}
	defer e.gate.leave()
	start := e.c.Now()
	if err := e.checkRequest(req); err != nil {
		return nil, err
	}
	if req.Draft && !req.DryRun {
		done, err := e.drafts.take(ctx, req.Ref.WithVersion(req.Ref.Version))
		if err != nil {
			return nil, err
		}
		defer done()
	}
	base, err := e.draftBase(req)
	if err != nil {
		return nil, err
	}
	if req.DryRun {
		return e.dryRun(ctx, req, base, start)
	}
	session, err := e.beginSession()
	if err != nil {
		return nil, err
	}
	defer session.end()
	store := &storeChunks{commits: e.commits, session: session}
	b, err := build(ctx, req, base, e.chunks, e.config.Chunker.Params, store, e.recall(req), e.settings.share(12))
	if err = errors.Join(err, store.settle(), e.known.Flush()); err != nil {
		return nil, err
	}
	v := e.newVersion(req.Ref, b.root, b.rootEntry.Summary, req.Labels)
	if base != nil {
		v.Labels = merged(base.Labels, req.Labels)
	}
	v.Incomplete = b.incomplete(req.Ref.Path)
	state, err := e.commitVersion(ctx, v, base, req, session)
	if err != nil {
		return nil, err
	}
	res := b.result(req.Ref.WithVersion(req.Ref.Version))
	res.State, res.StoredBytes = state, store.tally.stored.Load()
	res.Seconds = e.c.Now().Sub(start).Seconds()
	if len(b.problems) > 0 && !req.AllowIncomplete {
		err = fmt.Errorf("%w: %d of them; what could be read is kept as a draft of %s", ErrIncomplete, b.problem, v.Ref)
	}
	return res, err
}

// commitVersion publishes v, or makes it a draft if that was asked for or it
// has holes. It returns the state reached. base is the draft that v was made
// from, if any.
func (e *Local) commitVersion(ctx context.Context, v, base *registry.Version, req IngestRequest, s *session) (string, error) {
	var state string
	draft := req.Draft || len(v.Incomplete) > 0 && !req.AllowIncomplete
	tags := tagsOf(req.Tags, req.NoLatest)
	err := e.commits.do(ctx, &commitRequest{flush: true, decide: func(b *index.Batch) (recs []commitlog.Record, err error) {
		if err := s.check(); err != nil {
			return nil, err
		}
		if err := checkRoots(b, v.Root); err != nil {
			return nil, err
		}
		if draft {
			if err := checkDraft(b, v.Ref, base, req.Draft); err != nil {
				return nil, err
			}
			state = registry.Draft.String()
			return registry.PlanDraft(b, v)
		}
		state = registry.Published.String()
		recs, err = registry.PlanPublish(b, v, tags, false)
		if err == nil && (len(recs) == 0 || recs[0].Kind != commitlog.KindPublish) {
			state = StateUnchanged
		}
		return recs, err
	}})
	if err != nil {
		return "", err // the request may be under way still, and set state
	}
	return state, nil
}

// checkDraft makes sure that a draft about to replace the one of its name is
// made from it, so that nothing added meanwhile is lost. One that an ingest
// leaves because of its holes may only replace another such.
func checkDraft(b *index.Batch, ref registry.Ref, base *registry.Version, adding bool) error {
	now, err := registry.FindDraft(b, ref)
	switch {
	case err != nil && !errors.Is(err, registry.ErrNotFound):
		return err
	case err != nil || now.Ref != ref:
		now = nil
	}
	switch {
	case !adding && now != nil && len(now.Incomplete) == 0:
		return fmt.Errorf("%w: %s", registry.ErrOpenDraft, ref)
	case adding && (now == nil) != (base == nil), adding && now != nil && now.Sequence != base.Sequence:
		return WithHint(fmt.Errorf("%w: the draft %s was changed meanwhile", registry.ErrConflict, ref), "run it again to add to what is there now")
	}
	return nil
}

// checkRoots makes sure that what is about to be named is there. Everything
// below a node was there when the node was.
func checkRoots(b *index.Batch, r manifest.Root) error {
	for _, id := range []chunker.ID{r.Content, r.Attrs} {
		if _, ok, err := b.Lookup(id); err != nil {
			return err
		} else if !ok {
			return fmt.Errorf("%w: root %s is in no pack", ErrDamaged, id)
		}
	}
	return nil
}

func tagsOf(tags []string, noLatest bool) []string {
	if noLatest {
		return tags
	}
	return append([]string{registry.LatestTag}, tags...)
}

// checkRequest refuses what can be refused before anything is read.
func (e *Local) checkRequest(req IngestRequest) error {
	if err := e.checkWritable(); err != nil {
		return err
	}
	if req.Draft && len(req.Tags) > 0 {
		return WithHint(fmt.Errorf("%w: a draft takes no tags", ErrUsage), "give them to publish")
	}
	for _, tag := range req.Tags {
		if err := registry.CheckVersion(tag); err != nil {
			return err
		}
	}
	return registry.CheckNew(req.Ref)
}

// draftBase finds the draft that an ingest adds to.
func (e *Local) draftBase(req IngestRequest) (*registry.Version, error) {
	v, err := registry.Find(e.db, req.Ref)
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case req.Draft && v.State == registry.Draft:
		return v, nil
	case req.Draft && v.Ref.Version == req.Ref.Version:
		return nil, fmt.Errorf("%w: %s is %s", registry.ErrConflict, v.Ref, v.State)
	}
	return nil, nil
}

func (e *Local) newVersion(ref registry.Ref, root manifest.Root, sum manifest.Summary, labels map[string]string) *registry.Version {
	return &registry.Version{
		Ref: ref.WithVersion(ref.Version), Root: root, Summary: sum,
		Labels: labels, Actor: e.c.Actor, Client: e.c.Client,
	}
}

// session is an ingest as the index knows it: from its beginning there may be
// packs in the store that no record names yet.
type session struct {
	e     *Local
	id    index.SessionID
	lease time.Time
	mark  uint64
}

func (e *Local) beginSession() (*session, error) {
	s := &session{e: e, mark: e.commits.packer.mark()}
	if _, err := rand.Read(s.id[:]); err != nil {
		return nil, err
	}
	return s, s.renew()
}

// renew keeps the lease ahead of the time; it writes only when half of it has
// gone.
func (s *session) renew() error {
	now := s.e.c.Now()
	if s.lease.Sub(now) > s.e.settings.SessionLease/2 {
		return nil
	}
	s.lease = now.Add(s.e.settings.SessionLease)
	err := s.e.db.PutSession(s.id, index.Session{Epoch: s.e.commits.epoch(), Lease: s.lease})
	if err != nil {
		return fmt.Errorf("write session: %w", err)
	}
	return nil
}

// end forgets the session, unless packs were lost during it: some of them may
// be in the store after all, and the next Open will look for them.
func (s *session) end() {
	if s.check() != nil {
		return
	}
	if err := s.e.db.EndSession(s.id); err != nil {
		s.e.c.Logger.Warn("a session could not be ended", "error", err)
	}
}

// check fails if packs that the session may count on were lost.
func (s *session) check() error { return s.e.commits.packer.check(s.mark) }

func (e *Local) checkWritable() error {
	if e.c.ReadOnly {
		return WithHint(ErrReadOnly, "write as its owner, or where it is mounted writable")
	}
	if !e.writable {
		return WithHint(fmt.Errorf("%w: it can be read, not written", ErrFeature), "use a newer afs-engine to write to it")
	}
	return nil
}

// storeChunks is the storer of a real ingest.
type storeChunks struct {
	commits  *committer
	session  *session
	tally    tally
	underway chan error // the answer of the commit under way; nil: none
}

func (s *storeChunks) known(id chunker.ID) (bool, error) {
	return s.commits.db.Has(id)
}

func (s *storeChunks) put(ctx context.Context, kind chunker.Kind, id chunker.ID, data []byte, deps []chunker.ID) (bool, error) {
	added, full, err := s.commits.packer.add(s.session.mark, &s.tally, kind, id, data, deps)
	if err == nil && full {
		err = s.commit(ctx)
	}
	return added, err
}

// commit has the full packs stored while the ingest goes on. There is one such
// commit at a time, so that as many packs are in memory as are being filled and
// one more of each.
func (s *storeChunks) commit(ctx context.Context) error {
	if err := s.settle(); err != nil {
		return err
	}
	done := make(chan error, 1)
	s.underway = done
	go func() { done <- errors.Join(s.commits.do(ctx, &commitRequest{}), s.session.renew()) }()
	return nil
}

// settle waits for the commit under way.
func (s *storeChunks) settle() error {
	if s.underway == nil {
		return nil
	}
	err := <-s.underway
	s.underway = nil
	return err
}
