package engine_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/scrub"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// sharedWorld is a store with an owner and a client of it, both of which do
// what they should, in one process.
type sharedWorld struct {
	*world // the owner
	run    string
	twins  bool // TrustTwins
	client *engine.Local
}

func newSharedWorld(t *testing.T) *sharedWorld {
	t.Helper()
	return sharedWorldOn(t, mem.New())
}

func sharedWorldOn(t *testing.T, s backends.Store) *sharedWorld {
	t.Helper()
	return sharedWorldWith(t, s, false)
}

func sharedWorldWith(t *testing.T, s backends.Store, twins bool) *sharedWorld {
	t.Helper()
	if _, err := engine.Create(t.Context(), s, engine.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	run, err := os.MkdirTemp("", "afs") // its path is short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	w := &sharedWorld{world: &world{t: t, store: s, dir: t.TempDir()}, run: run, twins: twins}
	w.Local, w.client = w.join("owner/1"), w.join("client/1")
	t.Cleanup(func() {
		if err := errors.Join(w.client.Close(), w.Local.Close()); err != nil {
			t.Error(err)
		}
	})
	return w
}

// join opens the store as one more process would.
func (w *sharedWorld) join(as string) *engine.Local {
	w.t.Helper()
	e, err := engine.Open(w.t.Context(), engine.Components{
		Store: w.store, IndexDir: w.dir, RuntimeDir: w.run, TrustTwins: w.twins, Actor: "tester@here", Client: as,
	}, w.settings)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// plane is the owner as a client sees it that says what it likes.
func (w *sharedWorld) plane() *dataplane.Shared {
	w.t.Helper()
	p, err := dataplane.Share(w.t.Context(), dataplane.Sharing{
		Own:      func(context.Context) (dataplane.Owned, error) { return nil, index.ErrBusy },
		IndexDir: w.dir,
		Serving: dataplane.Serving{Store: w.Info().ID, Program: "bad/1", Logger: slog.New(slog.DiscardHandler), Errors: dataplane.Errors{
			Named: map[string]error{"damaged": engine.ErrDamaged, "pack-corrupt": packfile.ErrCorrupt, "object-absent": backends.ErrNotExist, "dangling": index.ErrDangling},
		}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = p.Close() })
	return p
}

// sound makes sure that others go on, and that every byte reads back.
func (w *sharedWorld) sound(ref string) {
	w.t.Helper()
	for i, e := range []*engine.Local{w.Local, w.client} {
		r := mustRef(w.t, ref)
		r.Version += string(rune('a' + i))
		if _, err := e.Ingest(w.t.Context(), engine.IngestRequest{Source: sample, Ref: r}); err != nil {
			w.t.Fatalf("ingest: %v", err)
		}
		w.expect(r.String(), sample)
	}
	if _, err := w.client.Verify(w.t.Context(), scrub.Options{ReadData: true}, func(p scrub.Problem) { w.t.Errorf("%+v", p) }); err != nil {
		w.t.Fatal(err)
	}
	expectChunksLocated(w)
}

// expectChunksLocated makes sure that the index has no more than the log says.
func expectChunksLocated(w *sharedWorld) {
	w.t.Helper()
	before, err := w.Stats(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.client.RebuildIndex(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	after, err := w.Stats(w.t.Context())
	if err != nil || before.Chunks > after.Chunks || before.Versions != after.Versions {
		w.t.Fatalf("%v: %+v became %+v in a rebuild", err, before, after)
	}
}

// piece is a chunk or node of a pack.
type piece struct {
	kind chunker.Kind
	id   chunker.ID
	data []byte
	deps []chunker.ID
}

// pieces are what an ingest of f stores, and its roots.
func pieces(t *testing.T, f files) (all []piece, v *registry.Version) {
	t.Helper()
	other := newWorld(t)
	other.ingest("x/y@1", f)
	for info, err := range other.store.List(t.Context(), packfile.Prefix) {
		if err != nil {
			t.Fatal(err)
		}
		id, err := packfile.ParseKey(info.Key)
		if err != nil {
			t.Fatal(err)
		}
		_, err = packfile.Scan(t.Context(), other.store, id, nil, func(e packfile.Entry, b []byte) error {
			p := piece{kind: e.Kind, id: e.ID, data: append([]byte(nil), b...)}
			if e.Kind.IsNode() {
				nodes, chunks, err := manifest.Deps(b)
				if err != nil {
					return err
				}
				p.deps = append(nodes, chunks...)
			}
			all = append(all, p)
			return nil
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	found, err := other.Version(t.Context(), mustRef(t, "x/y@1"))
	if err != nil {
		t.Fatal(err)
	}
	return all, &found.Version
}

// pack puts pieces of one class into the store as a pack, under its own name.
func (w *sharedWorld) pack(all ...piece) dataplane.Pack {
	w.t.Helper()
	class := packfile.ClassData
	if all[0].kind.IsNode() {
		class = packfile.ClassMeta
	}
	wr, err := packfile.NewWriter(packfile.WriterOptions{Class: class})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range all {
		if err := wr.Add(p.id, p.kind, p.data, p.deps); err != nil {
			w.t.Fatal(err)
		}
	}
	s, err := wr.Seal()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.Put(w.t.Context(), s.Key(), s.Body()); err != nil {
		w.t.Fatal(err)
	}
	return dataplane.Pack{ID: s.Index.ID, Size: s.Index.Size}
}

// refuses puts the pack of wr into the store and makes sure that the owner does
// not take it, now or when it looks for what was left behind.
func (w *sharedWorld) refuses(wr *packfile.Writer) {
	w.t.Helper()
	s, err := wr.Seal()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.Put(w.t.Context(), s.Key(), s.Body()); err != nil {
		w.t.Fatal(err)
	}
	g := dataplane.Group{Packs: []dataplane.Pack{{ID: s.Index.ID, Size: s.Index.Size}}}
	if _, err := w.plane().Commit(w.t.Context(), &g); err == nil {
		w.t.Error("it is believed")
	}
	rebuilt, err := w.plane().Rebuild(w.t.Context())
	if err != nil || rebuilt.Adopted != 0 {
		w.t.Errorf("%d packs adopted, %v", rebuilt.Adopted, err)
	}
}
