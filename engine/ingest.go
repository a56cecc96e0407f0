package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/packfile"
)

// States of an IngestResult besides those of a version.
const (
	StateDryRun    = "dry-run"
	StateUnchanged = "unchanged"
)

// Ingest implements Writer: walk, cut, name, look up, pack, describe, publish.
func (e *Local) Ingest(ctx context.Context, req IngestRequest) (*IngestResult, error) {
	if err := e.gate.enter(ctx); err != nil {
		return nil, err
	}
	defer e.gate.leave()
	start := e.c.Now()
	if err := e.checkRequest(ctx, req); err != nil {
		return nil, err
	}
	if req.Draft && !req.DryRun {
		done, err := e.drafts.take(ctx, req.Ref.WithVersion(req.Ref.Version))
		if err != nil {
			return nil, err
		}
		defer done()
	}
	leave, err := e.enterIngest(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	base, err := e.draftBase(ctx, req)
	if err != nil {
		return nil, err
	}
	if req.DryRun {
		return e.dryRun(ctx, req, base, start)
	}
	session, err := e.beginSession(ctx)
	defer session.end(ctx)
	if err != nil {
		return nil, err
	}
	store := &storeChunks{commits: e.commits, session: session}
	r := e.recall(req)
	b, err := build(ctx, req, building{
		base: base, src: e.chunks, params: e.config.Chunker.Params, store: store,
		recall: r, lineage: e.newLineage(ctx, req.Ref), memory: e.settings.blocks(),
	})
	if err = errors.Join(withSettled(err, store.settle()), r.flush(ctx)); err != nil {
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
	if b.problems.count > 0 && !req.AllowIncomplete {
		err = fmt.Errorf("%w: %d of them; what could be read is kept as a draft of %s", ErrIncomplete, b.problems.count, v.Ref)
	}
	return res, err
}

// withSettled joins what ended a build and what the commit under way met. If no
// pack can be written, that is said once.
func withSettled(built, settled error) error {
	if errors.Is(built, packfile.ErrUnwritten) && errors.Is(settled, packfile.ErrUnwritten) {
		return built
	}
	return errors.Join(built, settled)
}

// enterIngest waits until there is memory for the blocks of another ingest
// besides those under way; leave gives it back. One always runs. Whoever waits
// holds at most the turn of a draft, which those under way have already.
func (e *Local) enterIngest(ctx context.Context) (leave func(), err error) {
	bytes := min(planBlocks(e.config.Chunker.Params, e.settings.blocks()).bytes, e.settings.blocksMax())
	if err := e.ingests.Acquire(ctx, bytes); err != nil {
		return nil, err
	}
	return func() { e.ingests.Release(bytes) }, nil
}

// commitVersion publishes v, or makes it a draft if that was asked for or it
// has holes. It returns the state reached. base is the draft that v was made
// from, if any.
func (e *Local) commitVersion(ctx context.Context, v, base *registry.Version, req IngestRequest, s *session) (string, error) {
	t := &dataplane.Transition{Kind: dataplane.Publish, Ref: v.Ref, Version: v, Tags: tagsOf(req.Tags, req.NoLatest)}
	if req.Draft || len(v.Incomplete) > 0 && !req.AllowIncomplete {
		t.Kind, t.Adding, t.Tags = dataplane.Draft, req.Draft, nil
		if base != nil {
			t.Base = base.Sequence
		}
	}
	out, err := e.commits.do(ctx, &commitRequest{flush: true, transition: t, check: s.check})
	return out.State, err
}

func tagsOf(tags []string, noLatest bool) []string {
	if noLatest {
		return tags
	}
	return append([]string{registry.LatestTag}, tags...)
}

// checkRequest refuses what can be refused before anything is read.
func (e *Local) checkRequest(ctx context.Context, req IngestRequest) error {
	if err := e.checkWritable(ctx); err != nil {
		return err
	}
	if err := checkMemory(e.config.Chunker.Params, &e.settings); err != nil {
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
func (e *Local) draftBase(ctx context.Context, req IngestRequest) (*registry.Version, error) {
	v, err := registry.Find(e.rows.with(ctx), req.Ref)
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

// checkWritable refuses early what the owner would refuse in the end.
func (e *Local) checkWritable(ctx context.Context) error {
	st, err := e.plane.State(ctx)
	if err == nil && !st.Writable {
		err = notWritable(e.c.ReadOnly)
	}
	return err
}

// storeChunks is the storer of a real ingest.
type storeChunks struct {
	commits  *committer
	session  *session
	tally    tally
	underway chan error // the answer of the commit under way; nil: none
}

func (s *storeChunks) known(ctx context.Context, ids []chunker.ID, have []bool) (asOf uint64, err error) {
	asOf = s.commits.packer.asOf()
	return asOf, hasAll(ctx, s.commits.plane, ids, have)
}

// hasAll is plane.Has for any number of ids.
func hasAll(ctx context.Context, plane dataplane.Chunks, ids []chunker.ID, have []bool) error {
	for len(ids) > 0 {
		n := min(len(ids), dataplane.IDsMax)
		if err := plane.Has(ctx, ids[:n], have[:n]); err != nil {
			return err
		}
		ids, have = ids[n:], have[n:]
	}
	return nil
}

func (s *storeChunks) put(ctx context.Context, c chunk) (bool, error) {
	if err := s.commits.room(ctx); err != nil {
		return false, err
	}
	added, full, err := s.commits.packer.add(ctx, s.session.mark, &s.tally, c)
	if err == nil && full {
		err = s.commit(ctx)
	}
	return added, err
}

// commit has the full packs stored while the ingest goes on. There is one such
// commit at a time, so that no more packs are under way than are being filled, and
// one more of each.
func (s *storeChunks) commit(ctx context.Context) error {
	if err := s.settle(); err != nil {
		return err
	}
	done := make(chan error, 1)
	s.underway = done
	go func() {
		_, err := s.commits.do(ctx, &commitRequest{})
		done <- errors.Join(err, s.session.renew(ctx))
	}()
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
