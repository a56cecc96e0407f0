package scrub_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/commitlog"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/scrub"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// twoVersions share what the second one did not change.
func twoVersions(t *testing.T) (w *world, first, second map[string]string) {
	t.Helper()
	return twoVersionsWith(t, nil)
}

// twoVersionsWith have more, too.
func twoVersionsWith(t *testing.T, more map[string]string) (w *world, first, second map[string]string) {
	t.Helper()
	w = newWorld(t)
	first = map[string]string{
		"README":      "read me",
		"bin/tool":    randomBytes(1, 20_000), // has a chunk list tree
		"doc/a/one":   randomBytes(2, 300),
		"doc/a/two":   randomBytes(3, 300),
		"doc/b/three": randomBytes(4, 300),
	}
	maps.Copy(first, more)
	second = maps.Clone(first)
	second["doc/b/three"] = randomBytes(5, 300)
	second["doc/b/four"] = randomBytes(6, 300)
	w.ingest("r/p@1", first)
	w.ingest("r/p@2", second)
	return w, first, second
}

func TestASoundStoreHasNoProblems(t *testing.T) {
	w, _, _ := twoVersions(t)
	var last int64
	problems, res := w.verify(scrub.Options{ReadData: true, Progress: func(done, total int64) {
		if done < last || done > total {
			t.Errorf("%d of %d bytes after %d", done, total, last)
		}
		last = done
	}})
	if len(problems) > 0 || res.Versions != 2 || res.Packs != 4 || res.Bytes != last || last == 0 {
		t.Fatalf("%+v, %+v", res, problems)
	}
	problems, shallow := w.verify(scrub.Options{})
	if len(problems) > 0 || shallow.Bytes != 0 || shallow.Nodes != res.Nodes || shallow.Chunks != res.Chunks {
		t.Fatalf("%+v, %+v", shallow, problems)
	}
	if _, res := w.verify(scrub.Options{ReadData: true, Percent: 1e-9}); res.Bytes != 0 {
		t.Errorf("of next to nothing, %d bytes were read", res.Bytes)
	}
}

// chunksOf are the data chunks of a version's file.
func chunksOf(t *testing.T, w *world, ref, path string) (ids []chunker.ID) {
	t.Helper()
	w.engine(func(e *engine.Local) {
		v, err := e.Version(t.Context(), mustRef(t, ref))
		check(t, err)
		f, err := manifest.Resolve(t.Context(), v.Source(), v.Root(), path)
		check(t, err)
		for x, err := range manifest.Segments(t.Context(), v.Source(), f.Content, 0) {
			check(t, err)
			ids = append(ids, x.ID)
		}
	})
	return ids
}

// placeOf is where the first chunk of a version's file lies.
func placeOf(t *testing.T, w *world, ref, path string) (p place) {
	t.Helper()
	id := chunksOf(t, w, ref, path)[0]
	w.index(func(db *index.DB) { p = w.place(db, id) })
	return p
}

// rootsOf are the topmost nodes of a version.
func rootsOf(t *testing.T, w *world, ref string) (r manifest.Root) {
	t.Helper()
	w.engine(func(e *engine.Local) {
		v, err := e.Version(t.Context(), mustRef(t, ref))
		check(t, err)
		r = v.Version.Root
	})
	return r
}

func TestALostDataPackIsChargedToTheFilesThatNeedIt(t *testing.T) {
	w, first, second := twoVersions(t)
	all := func(ref string, files map[string]string, but ...string) (paths []string) {
		for p := range files {
			if !slices.Contains(but, p) {
				paths = append(paths, ref+":"+p)
			}
		}
		return paths
	}
	for name, change := range map[string]func([]byte) []byte{
		"gone":      gone,
		"cut short": func(b []byte) []byte { return b[:len(b)-1] },
		"longer":    func(b []byte) []byte { return append(b, 0) },
		"empty":     func([]byte) []byte { return []byte{} },
	} {
		for _, c := range []struct {
			pack place
			want []string
		}{
			{placeOf(t, w, "r/p@1", "README"), append(all("r/p@1", first), all("r/p@2", second, "doc/b/three", "doc/b/four")...)},
			{placeOf(t, w, "r/p@2", "doc/b/four"), []string{"r/p@2:doc/b/four", "r/p@2:doc/b/three"}},
		} {
			var sound []byte
			w.spoil(c.pack.key, func(b []byte) []byte { sound = slices.Clone(b); return change(b) })
			problems, _ := w.verify(scrub.Options{})
			slices.Sort(c.want)
			if got := affected(problems); !slices.Equal(got, c.want) || len(problems) != 1 || problems[0].Object != c.pack.key {
				t.Errorf("%s: %q, want %q; %+v", name, got, c.want, problems)
			}
			if want := int64(len(slices.Compact(versionsOf(c.want)))); len(problems) == 1 && problems[0].Versions != want {
				t.Errorf("%s: %d versions, want %d", name, problems[0].Versions, want)
			}
			if name == "gone" {
				w.spoilNew(c.pack.key, sound)
			} else {
				w.spoil(c.pack.key, func([]byte) []byte { return sound })
			}
		}
	}
	if problems, _ := w.verify(scrub.Options{ReadData: true}); len(problems) > 0 {
		t.Errorf("once all is back: %+v", problems)
	}
}

func versionsOf(paths []string) (refs []string) {
	for _, p := range paths {
		ref, _, _ := strings.Cut(p, ":")
		refs = append(refs, ref)
	}
	return refs
}

func TestADamagedDataFrameIsChargedToTheFilesInIt(t *testing.T) {
	w := worldOf(t, chunker.DefaultParams)
	// Two files larger than a frame begin in frames of their own.
	w.ingest("r/p@1", map[string]string{"a": randomBytes(1, 300_000), "b": randomBytes(2, 300_000), "c/d": "small"})
	w.ingest("r/q@1", map[string]string{"same": randomBytes(1, 300_000)})
	w.ingest("r/r@1", map[string]string{"other": "other"})
	p := placeOf(t, w, "r/p@1", "a")
	w.spoil(p.key, flip(p.frame.Offset+int64(p.frame.Stored)/2))

	if problems, _ := w.verify(scrub.Options{}); len(problems) > 0 {
		t.Errorf("without reading data: %+v", problems)
	}
	problems, _ := w.verify(scrub.Options{ReadData: true})
	want := []string{"r/p@1:a", "r/q@1:same"}
	if got := affected(problems); !slices.Equal(got, want) || len(problems) != 1 {
		t.Fatalf("%q, want %q; %+v", got, want, problems)
	}
	if x := problems[0]; x.Object != p.key || x.Offset != p.frame.Offset || x.Versions != 2 {
		t.Errorf("%+v, want it in %s at %d", x, p.key, p.frame.Offset)
	}
}

// Damage outside of frames costs no chunk, but it is damage.
func TestDamageBetweenTheFramesIsFound(t *testing.T) {
	w, _, _ := twoVersions(t)
	p := placeOf(t, w, "r/p@1", "README")
	for name, at := range map[string]int64{"header": 20, "trailer": -10, "index block": -100} {
		size := int64(0)
		w.spoil(p.key, func(b []byte) []byte {
			size = int64(len(b))
			return flip((at + size) % size)(b)
		})
		problems, _ := w.verify(scrub.Options{ReadData: true})
		if len(problems) == 0 || problems[0].Object != p.key {
			t.Errorf("%s: %+v", name, problems)
		}
		w.spoil(p.key, flip((at+size)%size))
	}
}

func TestALostMetadataPackIsChargedToTheDirectoriesInIt(t *testing.T) {
	w, _, _ := twoVersions(t)
	root := rootsOf(t, w, "r/p@2")
	var p place
	w.index(func(db *index.DB) { p = w.place(db, root.Content) })
	w.spoil(p.key, gone)
	problems, _ := w.verify(scrub.Options{})
	if len(problems) != 1 || problems[0].Object != p.key || problems[0].Versions != 1 {
		t.Fatalf("%+v", problems)
	}
	if got := affected(problems); !slices.Equal(got, []string{"r/p@2:/"}) {
		t.Errorf("%q", got)
	}
}

func TestADamagedMetadataFrameIsFoundWithoutReadingData(t *testing.T) {
	w, _, _ := twoVersions(t)
	root := rootsOf(t, w, "r/p@1")
	var p place
	w.index(func(db *index.DB) { p = w.place(db, root.Content) })
	w.spoil(p.key, flip(p.frame.Offset+5))
	for _, o := range []scrub.Options{{}, {ReadData: true}} {
		problems, _ := w.verify(o)
		if len(problems) == 0 || o.ReadData && len(problems) > 1 { // a scan tells of the frame once
			t.Fatalf("%+v", problems)
		}
		for _, x := range problems {
			if x.Object != p.key || x.Offset != p.frame.Offset {
				t.Errorf("%+v, want it in %s at %d", x, p.key, p.frame.Offset)
			}
		}
		// The second version uses what is in this frame, too.
		got := affected(problems)
		if !slices.Contains(got, "r/p@1:/") || !slices.Contains(got, "r/p@2:doc/a/") || slices.Contains(got, "r/p@2:/") {
			t.Errorf("%q", got)
		}
	}
}

// A chunk that is in two packs is lost only with the one that readers use.
func TestACopyThatNobodyReadsCostsNothing(t *testing.T) {
	w := newWorld(t)
	w.ingest("r/p@1", map[string]string{"a": "the content"})
	id := chunksOf(t, w, "r/p@1", "a")[0]
	pw, err := packfile.NewWriter(packfile.WriterOptions{Class: packfile.ClassData})
	check(t, err)
	check(t, pw.Add(id, chunker.Data, []byte("the content"), nil))
	sealed, err := pw.Seal()
	check(t, err)
	check(t, w.store.Put(t.Context(), sealed.Key(), sealed.Body()))
	w.engine(func(e *engine.Local) {
		res, err := e.RebuildIndex(t.Context())
		check(t, err)
		if res.Adopted != 1 {
			t.Fatalf("%+v", res)
		}
	})
	w.spoil(sealed.Key(), flip(packfile.HeaderSize+3))
	problems, _ := w.verify(scrub.Options{ReadData: true})
	if len(problems) != 1 || problems[0].Object != sealed.Key() || problems[0].Versions != 0 {
		t.Fatalf("%+v", problems)
	}
}

func TestDamageOutsideOfPacksIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(w *world)
		want  string
	}{
		"log group damaged": {func(w *world) { w.spoil(commitlog.Key(1), flip(30)) }, commitlog.Key(1)},
		"log group missing": {func(w *world) { w.spoil(commitlog.Key(1), gone) }, commitlog.Prefix},
		"checkpoint damaged": {func(w *world) {
			w.spoil(fmt.Sprintf("checkpoints/%020d/part-00000000", 2), flip(3))
		}, fmt.Sprintf("checkpoints/%020d", 2)},
	} {
		w, _, _ := twoVersions(t)
		w.index(func(db *index.DB) {
			pos, err := commitlog.Replay(t.Context(), w.store, commitlog.Position{}, func(*commitlog.Group, commitlog.Position) error { return nil })
			check(t, err)
			_, err = commitlog.WriteCheckpoint(t.Context(), w.store, pos, db.Export)
			check(t, err)
		})
		c.spoil(w)
		problems, _ := w.verify(scrub.Options{})
		if len(problems) != 1 || problems[0].Object != c.want || problems[0].Versions != 0 {
			t.Errorf("%s: %+v", name, problems)
		}
	}
}

// run scrubs the store of w through src, with the index open.
func run(t *testing.T, w *world, db *index.DB, src manifest.Source) (problems []scrub.Problem) {
	t.Helper()
	s := scrub.Store{Objects: w.store, Index: db, Chunks: src, Config: func(context.Context) error { return nil }, Scratch: t.TempDir()}
	_, err := scrub.Run(t.Context(), s, scrub.Options{}, func(p scrub.Problem) { problems = append(problems, p) })
	check(t, err)
	return problems
}

func TestALogThatEndsBeforeTheIndexIsDamage(t *testing.T) {
	w, _, _ := twoVersions(t)
	w.spoil(commitlog.Key(2), gone)
	w.index(func(db *index.DB) {
		problems := run(t, w, db, &reader{store: w.store, db: db})
		if len(problems) != 1 || problems[0].Object != commitlog.Key(2) {
			t.Fatalf("%+v", problems)
		}
	})
}

func TestAConfigThatCannotBeReadIsDamage(t *testing.T) {
	w := newWorld(t)
	w.ingest("r/p@1", map[string]string{"a": "b"})
	w.index(func(db *index.DB) {
		var problems []scrub.Problem
		s := scrub.Store{Objects: w.store, Index: db, Chunks: &reader{store: w.store, db: db}, Config: func(context.Context) error { return errors.New("unreadable") }}
		_, err := scrub.Run(t.Context(), s, scrub.Options{}, func(p scrub.Problem) { problems = append(problems, p) })
		check(t, err)
		if len(problems) != 1 || problems[0].Object != "config" {
			t.Fatalf("%+v", problems)
		}
	})
}

func TestAScrubEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	w.ingest("r/p@1", map[string]string{"a": "b"})
	w.index(func(db *index.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s := scrub.Store{Objects: w.store, Index: db, Chunks: &reader{store: w.store, db: db}, Config: func(ctx context.Context) error { return ctx.Err() }}
		_, err := scrub.Run(ctx, s, scrub.Options{}, func(p scrub.Problem) { t.Errorf("%+v", p) })
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	})
}

// version finds a published version in the index.
func version(t *testing.T, db *index.DB, src manifest.Source, ref string) manifest.Entry {
	t.Helper()
	v, err := registry.Find(db, mustRef(t, ref))
	check(t, err)
	root, err := manifest.RootEntry(t.Context(), src, v.Root)
	check(t, err)
	return root
}
