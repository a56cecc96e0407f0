package engine_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/source"
)

// files is a tree as tests like it: paths to contents. It is a source.Source
// and the model that results are compared with.
type files map[string]string

var errUnreadable = errors.New("unreadable on purpose")

// unreadable is content whose reading fails half-way.
const unreadable = "\x00unreadable"

var testTime = time.Date(2026, 11, 21, 12, 0, 0, 123456789, time.UTC)

func (f files) Measure(context.Context, func(int64, int64)) {}

func (f files) Walk(_ context.Context, v source.Visitor) error {
	root := manifest.Entry{Kind: manifest.Dir, Attr: manifest.Attr{Mode: 0o755, MTime: testTime}}
	// Slashes sort before all else, so that directories come whole.
	paths := slices.SortedFunc(maps.Keys(f), func(a, b string) int {
		return strings.Compare(strings.ReplaceAll(a, "/", "\x00"), strings.ReplaceAll(b, "/", "\x00"))
	})
	if err := v.Enter(root); err != nil {
		return err
	}
	var open []string
	for _, p := range paths {
		segs := strings.Split(p, "/")
		dirs, name := segs[:len(segs)-1], segs[len(segs)-1]
		same := 0
		for same < len(open) && same < len(dirs) && open[same] == dirs[same] {
			same++
		}
		for ; len(open) > same; open = open[:len(open)-1] {
			if err := v.Leave(); err != nil {
				return err
			}
		}
		for _, d := range dirs[same:] {
			e := root
			e.Name = d
			if err := v.Enter(e); err != nil {
				return err
			}
			open = append(open, d)
		}
		e := manifest.Entry{Name: name, Kind: manifest.File, Size: int64(len(f[p])), Attr: manifest.Attr{Mode: 0o644, MTime: testTime}}
		if err := v.File(e, source.Identity{}, body(f[p])); err != nil {
			return err
		}
	}
	for range open {
		if err := v.Leave(); err != nil {
			return err
		}
	}
	return v.Leave()
}

// body is a file's content.
type body string

func (b body) Open() (io.ReadCloser, error) {
	if b == unreadable {
		return io.NopCloser(io.MultiReader(strings.NewReader("some"), failing{})), nil
	}
	return io.NopCloser(strings.NewReader(string(b))), nil
}

func (body) Release() {}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errUnreadable }

// readAll is a version's content as files.
func readAll(t *testing.T, v *engine.Version) files {
	t.Helper()
	got := files{}
	fsys := v.FS(t.Context())
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(fsys, p)
		got[p] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// randomBytes is n bytes that do not compress, the same for the same seed.
func randomBytes(seed uint64, n int) string {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

// world is a store and an engine on it.
type world struct {
	t        *testing.T
	store    backends.Store
	dir      string
	settings engine.Settings
	now      func() time.Time // nil: the real one
	*engine.Local
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return worldOn(t, mem.New(), engine.Settings{})
}

// worldMadeWith is a world whose chunks are cut with p.
func worldMadeWith(t *testing.T, p chunker.Params, memory int64) *world {
	t.Helper()
	s := mem.New()
	if _, err := engine.Create(t.Context(), s, engine.CreateOptions{Chunker: p}); err != nil {
		t.Fatal(err)
	}
	return openWorld(t, s, engine.Settings{MemoryBytes: memory})
}

func worldOn(t *testing.T, s backends.Store, settings engine.Settings) *world {
	t.Helper()
	if _, err := engine.Create(t.Context(), s, engine.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return openWorld(t, s, settings)
}

// openWorld opens a store that is there.
func openWorld(t *testing.T, s backends.Store, settings engine.Settings) *world {
	t.Helper()
	w := &world{t: t, store: s, dir: t.TempDir(), settings: settings}
	w.open()
	t.Cleanup(func() {
		if w.Local != nil {
			w.close()
		}
	})
	return w
}

func (w *world) open() {
	w.t.Helper()
	e, err := engine.Open(w.t.Context(), engine.Components{Store: w.store, IndexDir: w.dir, Now: w.now, Actor: "tester@here", Client: "test/1"}, w.settings)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Local = e
}

func (w *world) close() {
	w.t.Helper()
	if err := w.Local.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.Local = nil
}

func (w *world) reopen() { w.t.Helper(); w.close(); w.open() }

// forget reopens with an empty index.
func (w *world) forget() {
	w.t.Helper()
	w.close()
	w.dir = w.t.TempDir()
	w.open()
}

func mustRef(t *testing.T, s string) registry.Ref {
	t.Helper()
	r, err := registry.ParseRef(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (w *world) ingest(ref string, f files) *engine.IngestResult {
	w.t.Helper()
	res, err := w.Ingest(w.t.Context(), engine.IngestRequest{Source: f, Ref: mustRef(w.t, ref)})
	if err != nil {
		w.t.Fatalf("ingest %s: %v", ref, err)
	}
	return res
}

func (w *world) expect(ref string, want files) {
	w.t.Helper()
	v, err := w.Version(w.t.Context(), mustRef(w.t, ref))
	if err != nil {
		w.t.Fatal(err)
	}
	if got := readAll(w.t, v); !maps.Equal(got, want) {
		w.t.Fatalf("%s: got %d files, want %d, or other bytes", ref, len(got), len(want))
	}
}

// objects is a copy of all that a store holds.
func objects(t *testing.T, s backends.Store) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for info, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		b, err := backends.ReadAll(t.Context(), s, info.Key, 0, -1, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		all[info.Key] = b
	}
	return all
}

// storeOf is a store that holds objects.
func storeOf(t *testing.T, objects map[string][]byte) backends.Store {
	t.Helper()
	s := mem.New()
	for k, b := range objects {
		if err := s.Put(t.Context(), k, bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}
