package engine_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/fault"
	"github.com/artifortress/afs-engine/backends/localfs"
	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/index"
)

// metaRig is an engine, the model it is compared with, and a disk that can be
// copied as a crash would leave it.
type metaRig struct {
	t      *testing.T
	config metaConfig
	rng    *rand.Rand // for crashes only: the operations are drawn already
	model  *metaModel
	store  *fault.Store
	disk   *vfs.MemFS // under the index
	dir    string     // of the index, on disk
	opened int
	socks  string        // directory of sockets, if the store is shared
	other  *engine.Local // the owner then
	*engine.Local
}

func newMetaRig(t *testing.T, c metaConfig, seed uint64) *metaRig {
	r := &metaRig{t: t, config: c, rng: rand.New(rand.NewPCG(seed, 2)), model: newMetaModel()}
	r.newDir()
	r.disk = vfs.NewCrashableMem()
	r.store = fault.New(r.emptyStore())
	if _, err := engine.Create(t.Context(), r.store, engine.CreateOptions{Chunker: c.chunks, Packing: c.packing}); err != nil {
		t.Fatal(err)
	}
	r.open()
	t.Cleanup(func() {
		if err := r.closeAll(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *metaRig) emptyStore() backends.Store {
	if !r.config.local {
		return mem.New()
	}
	dir := r.t.TempDir()
	s, err := localfs.Open(dir, localfs.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *metaRig) open() {
	r.t.Helper()
	if r.config.shared != alone {
		r.other = r.join()
	}
	r.Local = r.join()
}

// seen is the store as the engine sees it.
func (r *metaRig) seen() backends.Store {
	if r.config.append {
		return fault.Appending{Store: r.store}
	}
	return r.store
}

func (r *metaRig) join() *engine.Local {
	r.t.Helper()
	e, err := engine.Open(r.t.Context(), engine.Components{
		Store: r.seen(), IndexDir: r.dir, RuntimeDir: r.socks, Index: index.Options{FS: r.disk}, Actor: "tester@here", Client: "test/1",
	}, r.config.settings)
	if err != nil {
		r.t.Fatalf("open: %v", err)
	}
	return e
}

func (r *metaRig) close() {
	r.t.Helper()
	if err := r.closeAll(); err != nil {
		r.t.Fatalf("close: %v", err)
	}
}

// forget loses the index.
func (r *metaRig) forget() {
	r.t.Helper()
	r.close()
	r.newDir()
	r.open()
}

// run carries out op and compares what it says with the model.
func (r *metaRig) run(op metaOp) {
	r.t.Helper()
	switch op.what {
	case "several":
		defer r.takeOver()()
		r.several(op.batch)
	case "diff":
		r.diff(op.pick)
	case "restore":
		r.restore(op.pick)
	case "reopen":
		r.close()
		r.open()
	case "verify":
		r.verify()
	case "forget":
		before := r.export()
		r.forget()
		if after := r.export(); !maps.Equal(before, after) {
			r.t.Fatalf("the rebuilt index differs from the one that was kept: %d rows, then %d", len(before), len(after))
		}
	case "rebuild":
		if _, err := r.RebuildIndex(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
	default:
		if op.crash != nil {
			r.crash(op)
		}
		want := r.model.apply(op)
		taken := r.takeOver()
		err := r.do(op)
		taken()
		if engine.KindOf(err) != want && !(err == nil && r.mayBeAgain(op)) {
			r.t.Fatalf("%s: %v, want kind %v", op, err, want)
		}
		r.check(op.ref)
	}
}

// do carries out a transition.
func (r *metaRig) do(op metaOp) (err error) {
	ref, ctx := mustRef(r.t, op.ref), r.t.Context()
	switch op.what {
	case "ingest":
		_, err = r.Ingest(ctx, engine.IngestRequest{Source: op.tree, Ref: ref})
	case "draft":
		ref.Path = op.path
		_, err = r.Ingest(ctx, engine.IngestRequest{Source: op.tree, Ref: ref, Draft: true})
	case "publish":
		_, err = r.Publish(ctx, ref, engine.PublishOptions{})
	case "discard":
		err = r.Discard(ctx, ref)
	case "tag":
		err = r.Tag(ctx, ref, op.tag)
	case "dry run":
		err = r.dryRun(ref.String(), op.tree)
	}
	return err
}

// several ingests at the same time.
func (r *metaRig) several(ops []metaOp) {
	r.t.Helper()
	errs := make([]error, len(ops))
	var wg sync.WaitGroup
	for i, op := range ops {
		ref := mustRef(r.t, op.ref)
		wg.Go(func() {
			_, errs[i] = r.Ingest(r.t.Context(), engine.IngestRequest{Source: op.tree, Ref: ref, NoLatest: true})
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		r.t.Fatal(err)
	}
	for _, op := range ops {
		r.model.versions[op.ref] = metaVersion{op.tree, true}
		r.check(op.ref)
	}
}

// crash begins op and goes on with the disk as it was at some moment of it:
// then op has happened or not, but not by half. Whoever calls does it again.
func (r *metaRig) crash(op metaOp) {
	r.t.Helper()
	var store backends.Store
	var disk *vfs.MemFS
	snapshot := func() {
		// The index first: it may lack what the store has, never the reverse.
		disk = r.disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: op.crash.unsynced, RNG: r.rng})
		store = r.copyStore()
	}
	r.store.Set(fault.Rule{Op: fault.Put, Skip: op.crash.put, Times: 1, Do: fault.Hook(func(context.Context, fault.Call) error {
		snapshot()
		return nil
	})})
	_ = r.do(op) // nobody lived to hear of it
	r.store.Set()
	acknowledged := store == nil
	if acknowledged {
		snapshot()
	}
	r.close()
	r.store, r.disk = fault.New(store), disk
	r.open()

	after := r.model.clone()
	after.apply(op)
	if before := r.model; !acknowledged && r.matches(before, op.ref) {
		return
	}
	if !r.matches(after, op.ref) {
		r.t.Fatalf("%s is neither as before nor as after the operation (acknowledged: %v)", op.ref, acknowledged)
	}
	r.model = after
}

// copyStore is a store of the same kind with the same objects.
func (r *metaRig) copyStore() backends.Store {
	to := r.emptyStore()
	copyObjects(r.t, to, r.store.Unwrap())
	return to
}

// roots are the content ids of all that is published.
func (r *metaRig) roots() map[string]chunker.ID {
	roots := map[string]chunker.ID{}
	for _, ref := range r.model.published() {
		roots[ref] = r.version(ref).Version.Root.Content
	}
	return roots
}
