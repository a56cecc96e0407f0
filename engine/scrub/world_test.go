package scrub_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/scrub"
	"github.com/artifortress/afs-engine/engine/source"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustRef(t testing.TB, s string) registry.Ref {
	t.Helper()
	r, err := registry.ParseRef(s)
	check(t, err)
	return r
}

// randomBytes do not compress and are the same for the same seed.
func randomBytes(seed uint64, n int) string {
	r := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

// world is a store that an engine fills and leaves, and its index.
type world struct {
	t     *testing.T
	store *mem.Store
	dir   string
}

// newWorld makes a store of small chunks, which give large trees for few bytes.
func newWorld(t *testing.T) *world {
	t.Helper()
	return worldOf(t, chunker.Params{Min: 64, Avg: 128, Max: 512})
}

func worldOf(t *testing.T, p chunker.Params) *world {
	t.Helper()
	w := &world{t: t, store: mem.New(), dir: t.TempDir()}
	_, err := engine.Create(t.Context(), w.store, engine.CreateOptions{Chunker: p})
	check(t, err)
	return w
}

// engine runs f with the store open.
func (w *world) engine(f func(e *engine.Local)) {
	w.t.Helper()
	e, err := engine.Open(w.t.Context(), engine.Components{Store: w.store, IndexDir: w.dir}, engine.Settings{})
	check(w.t, err)
	defer func() { check(w.t, e.Close()) }()
	f(e)
}

// ingest publishes files, in packs of their own.
func (w *world) ingest(ref string, files map[string]string) {
	w.t.Helper()
	dir := w.t.TempDir()
	for name, content := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		check(w.t, os.MkdirAll(filepath.Dir(file), 0o777))
		check(w.t, os.WriteFile(file, []byte(content), 0o666))
	}
	w.engine(func(e *engine.Local) {
		_, err := e.Ingest(w.t.Context(), engine.IngestRequest{Source: source.Dir(dir, source.Options{Reproducible: true}), Ref: mustRef(w.t, ref)})
		check(w.t, err)
	})
}

// verify scrubs through the engine.
func (w *world) verify(o scrub.Options) (problems []scrub.Problem, res scrub.Result) {
	w.t.Helper()
	w.engine(func(e *engine.Local) {
		var err error
		res, err = e.Verify(w.t.Context(), o, func(p scrub.Problem) { problems = append(problems, p) })
		check(w.t, err)
	})
	if int(res.Problems) != len(problems) {
		w.t.Errorf("%d problems were reported, %d counted", len(problems), res.Problems)
	}
	return problems, res
}

// index runs f with the store's index open.
func (w *world) index(f func(db *index.DB)) {
	w.t.Helper()
	db, err := index.Open(w.dir, index.Options{})
	check(w.t, err)
	defer func() { check(w.t, db.Close()) }()
	f(db)
}

// reader is a manifest.Source for which some chunks are lost.
type reader struct {
	store backends.Store
	db    *index.DB
	lost  []chunker.ID
}

func (r *reader) Chunk(ctx context.Context, kind chunker.Kind, id chunker.ID) ([]byte, error) {
	if slices.Contains(r.lost, id) {
		return nil, &packfile.CorruptError{Object: "packs/xx", Offset: 7, Chunk: id, Reason: "lost on purpose"}
	}
	loc, ok, err := r.db.Lookup(id)
	if err != nil || !ok || loc.Kind != kind {
		return nil, fmt.Errorf("%s %s is nowhere: %v", kind, id, err)
	}
	p, err := r.db.Pack(loc.Pack)
	if err != nil {
		return nil, err
	}
	f, err := r.db.Frame(loc.Pack, loc.Frame)
	if err != nil {
		return nil, err
	}
	raw, err := packfile.ReadFrame(ctx, r.store, p.ID, f, nil, nil)
	if err != nil {
		return nil, err
	}
	return raw[loc.Offset : loc.Offset+loc.Length], nil
}

// pages are the nodes of one tree by level, leaves first.
func (r *reader) pages(t *testing.T, kind chunker.Kind, top chunker.ID) (levels [][]chunker.ID) {
	t.Helper()
	b, err := r.Chunk(t.Context(), kind, top)
	check(t, err)
	level := int(b[2])
	levels = make([][]chunker.ID, level+1)
	next := []chunker.ID{top}
	for ; level >= 0; level-- {
		levels[level] = next
		next = nil
		for _, id := range levels[level] {
			b, err := r.Chunk(t.Context(), kind, id)
			check(t, err)
			nodes, _, err := manifest.Deps(b)
			check(t, err)
			next = append(next, nodes...)
		}
	}
	return levels
}

// place is where a chunk lies in the store.
type place struct {
	pack  packfile.ID
	key   string
	frame packfile.Frame
}

func (w *world) place(db *index.DB, id chunker.ID) place {
	w.t.Helper()
	loc, ok, err := db.Lookup(id)
	if err != nil || !ok {
		w.t.Fatal(ok, err)
	}
	p, err := db.Pack(loc.Pack)
	check(w.t, err)
	f, err := db.Frame(loc.Pack, loc.Frame)
	check(w.t, err)
	return place{p.ID, packfile.Key(p.ID), f}
}

// spoil replaces an object by what change makes of it; nil removes it.
func (w *world) spoil(key string, change func(b []byte) []byte) {
	w.t.Helper()
	b, err := backends.ReadAll(w.t.Context(), w.store, key, 0, -1, 1<<30)
	check(w.t, err)
	check(w.t, w.store.Delete(w.t.Context(), key))
	if b = change(slices.Clone(b)); b != nil {
		check(w.t, w.store.Put(w.t.Context(), key, bytes.NewReader(b)))
	}
}

// spoilNew puts an object where none is.
func (w *world) spoilNew(key string, b []byte) {
	w.t.Helper()
	check(w.t, w.store.Put(w.t.Context(), key, bytes.NewReader(b)))
}

func gone([]byte) []byte { return nil }

func flip(at int64) func([]byte) []byte {
	return func(b []byte) []byte { b[at] ^= 0x10; return b }
}

// affected is what problems say is lost, sorted, each once.
func affected(problems []scrub.Problem) (all []string) {
	for _, p := range problems {
		for _, a := range p.Affected {
			all = append(all, a.Ref+":"+a.Path)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
