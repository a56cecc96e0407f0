package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/commitlog"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// Commit implements dataplane.Commits.
func (o *owner) Commit(ctx context.Context, g *dataplane.Group) ([]dataplane.Outcome, error) {
	if err := o.enter(ctx); err != nil {
		return nil, err
	}
	defer o.gate.leave()
	if !o.writable {
		return nil, notWritable(o.c.ReadOnly)
	}
	ctx = context.WithoutCancel(ctx)
	packs := make([]*packfile.Index, len(g.Packs))
	for i, p := range g.Packs {
		var err error
		if packs[i], err = o.believed(ctx, p); err != nil {
			return nil, err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		outcomes, done, err := o.append(ctx, packs, g)
		if done || err != nil {
			return outcomes, err
		}
		g = &dataplane.Group{Packs: g.Packs, Transitions: g.Transitions} // the packs are there now, and nobody gets in between any more
	}
}

// checksMax is how many packs are read and checked at a time, by checkersMax cores
// each. Each of these holds a frame, and a delta's bases.
const (
	checksMax   = 4
	checkersMax = 4
)

// believed is the index of a pack, which is read and checked if another program
// has made it: every chunk is what its id says, every node refers to what the
// index says it does. All cores do that, because whoever has handed in the pack
// may have nothing to do until there is an answer.
func (o *owner) believed(ctx context.Context, p dataplane.Pack) (*packfile.Index, error) {
	if p.Index != nil {
		return p.Index, nil
	}
	if p.Believed {
		return packfile.ReadIndex(ctx, o.c.Store, p.ID, p.Size)
	}
	o.checks <- struct{}{}
	defer func() { <-o.checks }()
	bases, done := o.basesOf(ctx)
	defer done()
	x, err := packfile.Check(ctx, o.c.Store, p.ID, p.Size, min(runtime.GOMAXPROCS(0), checkersMax), bases, func(e packfile.Entry, data []byte) error {
		if !e.Kind.IsNode() {
			return nil
		}
		return checkDeps(e, data)
	})
	if err != nil {
		return nil, fmt.Errorf("a pack from elsewhere: %w", err)
	}
	return x, nil
}

// basesOf reads what the deltas of a pack from elsewhere refer to. Few packs have
// any, so the reader is made when it is needed; done ends it.
func (o *owner) basesOf(ctx context.Context) (bases packfile.Bases, done func()) {
	var chunks *reader
	var once sync.Once
	bases = func(dst []byte, ids []chunker.ID) ([]byte, error) {
		once.Do(func() { chunks = newReader(o.c.Store, ungated{o}, o.settings.CacheBytes/checksMax) })
		return chunks.strictBases(ctx)(dst, ids)
	}
	return bases, func() {
		if chunks != nil {
			chunks.close()
		}
	}
}

// checkDeps compares what a node refers to with what is said of it.
func checkDeps(e packfile.Entry, node []byte) error {
	nodes, chunks, err := manifest.Deps(node)
	if err != nil {
		return fmt.Errorf("%w: node %s: %w", ErrDamaged, e.ID, err)
	}
	said := map[packfile.DepPrefix]int{}
	for _, d := range e.Deps {
		said[d]++
	}
	for _, id := range append(nodes, chunks...) {
		said[packfile.PrefixOf(id)]--
	}
	for _, n := range said {
		if n != 0 {
			return fmt.Errorf("%w: node %s refers to other chunks than is said of it", ErrDamaged, e.ID)
		}
	}
	return nil
}

// append decides every transition on the state that the ones before it lead
// to, appends the records of all as one log group, and only then makes it
// visible. The caller holds mu; while the packs are on their way into the store,
// others may have it. If they have committed anything meanwhile, all is to be
// done again, and done is false.
func (o *owner) append(ctx context.Context, packs []*packfile.Index, g *dataplane.Group) (outcomes []dataplane.Outcome, done bool, err error) {
	if o.dead != nil {
		return nil, false, o.dead
	}
	b, err := o.db.NewBatch()
	if err != nil {
		return nil, false, err
	}
	defer b.Close()
	records, now, outcomes, err := o.prepare(ctx, b, packs, g)
	if err != nil {
		return nil, false, err
	}
	if same, err := o.await(g); !same || err != nil {
		return nil, false, err
	}
	if len(records) == 0 {
		return outcomes, true, nil
	}
	if _, err := o.log.Append(ctx, now, records); err != nil {
		if errors.Is(err, commitlog.ErrFenced) {
			err = o.fail(err)
		}
		return nil, false, err
	}
	if err := o.proj.commit(b, o.log.Position(), o.log.Writer()); err != nil {
		return nil, false, o.fail(fmt.Errorf("the commit is durable, but the index could not follow: %w", err))
	}
	return outcomes, true, nil
}

// await waits until the packs of g are stored, and meanwhile lets others commit.
// It reports whether nobody has.
func (o *owner) await(g *dataplane.Group) (same bool, err error) {
	if g.Stored == nil {
		return true, nil
	}
	before := o.log.Position().Sequence
	o.mu.Unlock()
	err = g.Stored()
	o.mu.Lock()
	if err == nil {
		err = o.dead
	}
	return o.log.Position().Sequence == before, err
}

// prepare makes b what the packs and transitions lead to, and returns the records
// that say so, and their time.
func (o *owner) prepare(ctx context.Context, b *index.Batch, packs []*packfile.Index, g *dataplane.Group) (
	records []commitlog.Record, now time.Time, outcomes []dataplane.Outcome, err error) {
	exact := func(x *packfile.Index, e packfile.Entry) ([]chunker.ID, error) {
		if err := g.Wait(); err != nil { // the pack is about to be read; the few for which that is so hold mu meanwhile
			return nil, err
		}
		return o.proj.exactDeps(ctx)(x, e)
	}
	for _, x := range packs {
		if _, ok, err := b.PackNumber(x.ID); err != nil {
			return nil, now, nil, err
		} else if ok {
			continue // handed in before, and nobody knew
		}
		if err := b.AddPack(x, exact); err != nil {
			return nil, now, nil, err
		}
		records = append(records, commitlog.PackAdded{ID: x.ID, Class: x.Class, Size: x.Size}.Record())
	}
	seq, now := o.log.Next()
	outcomes = make([]dataplane.Outcome, len(g.Transitions))
	for i := range g.Transitions {
		recs, out := decide(b, &g.Transitions[i])
		if outcomes[i] = out; out.Err != nil {
			continue
		}
		// Applied here, so that the next one sees it; the place in the group is
		// final but for a takeover, which only ever comes first.
		group := &commitlog.Group{Sequence: seq, Time: now, Records: recs}
		if err := o.proj.applyRecords(b, group, o.log.Shift()+len(records)); err != nil {
			return nil, now, nil, err
		}
		records = append(records, recs...)
	}
	return records, now, outcomes, b.Check()
}

// decide says what a transition does to the state in b. One that may have been
// carried out before has the outcome that it had then.
func decide(b rootedRows, t *dataplane.Transition) (recs []commitlog.Record, out dataplane.Outcome) {
	switch t.Kind {
	case dataplane.Publish, dataplane.Draft:
		out.Err = checkRoots(b, t.Version.Root)
		if out.Err == nil && t.Kind == dataplane.Draft {
			recs, out = decideDraft(b, t)
		} else if out.Err == nil {
			recs, out = decidePublish(b, t, t.Version, false)
		}
	case dataplane.PublishDraft:
		recs, out = decidePublishDraft(b, t)
	case dataplane.Discard:
		recs, out.Err = registry.PlanDiscard(b, t.Ref, t.Actor, t.Client)
		if t.Again && errors.Is(out.Err, registry.ErrNotFound) {
			out.Err = nil
		}
	case dataplane.Tag:
		recs, out.Err = registry.PlanTag(b, t.Ref, t.Tags[0], t.Actor, t.Client)
	default:
		out.Err = fmt.Errorf("%w: a transition of kind %d", dataplane.ErrProtocol, t.Kind)
	}
	return recs, out
}

func decidePublish(b rootedRows, t *dataplane.Transition, v *registry.Version, fromDraft bool) (recs []commitlog.Record, out dataplane.Outcome) {
	out.State = registry.Published.String()
	recs, out.Err = registry.PlanPublish(b, v, t.Tags, fromDraft)
	if out.Err == nil && (len(recs) == 0 || recs[0].Kind != commitlog.KindPublish) {
		out.State = StateUnchanged
		if now, err := registry.Find(b, v.Ref); t.Again && err == nil && now.Actor == t.Actor && now.Client == t.Client {
			out.State = registry.Published.String()
		}
	}
	return recs, out
}

func decidePublishDraft(b rootedRows, t *dataplane.Transition) ([]commitlog.Record, dataplane.Outcome) {
	v, err := registry.Find(b, t.Ref)
	switch {
	case err != nil:
	case v.Ref.Version != t.Ref.Version:
		err = fmt.Errorf("%w: %s is a tag", registry.ErrConflict, t.Ref)
	case v.State == registry.Draft && len(v.Incomplete) > 0:
		err = WithHint(fmt.Errorf("%w: %d paths of %s could not be read", registry.ErrDraftIncomplete, len(v.Incomplete), v.Ref),
			"ingest it again, or discard it")
	}
	if err != nil {
		return nil, dataplane.Outcome{Err: err}
	}
	v.Actor, v.Client = t.Actor, t.Client
	if v.State == registry.Draft {
		v.Labels = merged(v.Labels, t.Labels)
	}
	recs, out := decidePublish(b, t, v, true)
	out.Version = v
	return recs, out
}

// decideDraft makes sure that a draft about to replace the one of its name is
// made from it, so that nothing added meanwhile is lost. One that an ingest
// leaves because of its holes may only replace another such.
func decideDraft(b rootedRows, t *dataplane.Transition) ([]commitlog.Record, dataplane.Outcome) {
	out := dataplane.Outcome{State: registry.Draft.String()}
	now, err := registry.FindDraft(b, t.Ref)
	switch {
	case err != nil && !errors.Is(err, registry.ErrNotFound):
		out.Err = err
		return nil, out
	case err != nil || now.Ref != t.Ref:
		now = nil
	}
	switch {
	case t.Again && now != nil && now.Root == t.Version.Root && now.Actor == t.Actor:
		return nil, out
	case !t.Adding && now != nil && len(now.Incomplete) == 0:
		out.Err = fmt.Errorf("%w: %s", registry.ErrOpenDraft, t.Ref)
	case t.Adding && (now == nil) != (t.Base == 0), t.Adding && now != nil && now.Sequence != t.Base:
		out.Err = WithHint(fmt.Errorf("%w: the draft %s was changed meanwhile", registry.ErrConflict, t.Ref), "run it again to add to what is there now")
	default:
		var recs []commitlog.Record
		recs, out.Err = registry.PlanDraft(b, t.Version)
		return recs, out
	}
	return nil, out
}

// rootedRows is the registry's rows, and what chunks there are.
type rootedRows interface {
	registry.Reader
	Lookup(id chunker.ID) (index.Location, bool, error)
}

// checkRoots makes sure that what is about to be named is there. Everything
// below a node was there when the node was.
func checkRoots(b rootedRows, r manifest.Root) error {
	for kind, id := range map[chunker.Kind]chunker.ID{chunker.DirNode: r.Content, chunker.AttrsNode: r.Attrs} {
		if loc, ok, err := b.Lookup(id); err != nil {
			return err
		} else if !ok || loc.Kind != kind {
			return missing(kind, id)
		}
	}
	return nil
}

// notWritable says why nothing can be written: this user may not, or this
// program does not know how.
func notWritable(readOnly bool) error {
	if readOnly {
		return WithHint(ErrReadOnly, "write as its owner, or where it is mounted writable")
	}
	return WithHint(fmt.Errorf("%w: it can be read, not written", ErrFeature), "use a newer afs-engine to write to it")
}
