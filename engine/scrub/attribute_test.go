package scrub_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/scrub"
	"github.com/artifortress/afs-engine/engine/source"
	"github.com/artifortress/afs-engine/index"
)

// many are empty files that make the attributes of their directories too large
// to stand in the parent.
func many(dirs ...string) map[string]string {
	files := map[string]string{}
	for _, dir := range dirs {
		for i := range 5 {
			files[fmt.Sprintf("%s/%0250d", dir, i)] = ""
		}
	}
	return files
}

// A node of each kind is lost; the paths named are those that need it.
func TestALostNodeIsChargedToItsPath(t *testing.T) {
	w, _, _ := twoVersionsWith(t, many("doc", "doc/a", "doc/b"))
	w.index(func(db *index.DB) {
		sound := &reader{store: w.store, db: db}
		if problems := run(t, w, db, sound); len(problems) > 0 {
			t.Fatalf("before: %+v", problems)
		}
		first, second := version(t, db, sound, "r/p@1"), version(t, db, sound, "r/p@2")
		at := func(root manifest.Entry, path string) manifest.Entry {
			e, err := manifest.Resolve(t.Context(), sound, root, path)
			check(t, err)
			return e
		}
		both := func(path string) []string { return []string{"r/p@1:" + path, "r/p@2:" + path} }
		for name, c := range map[string]struct {
			id   chunker.ID
			want []string
		}{
			"root directory of 1":   {first.Tree, []string{"r/p@1:/"}},
			"root attributes of 2":  {second.Attr.Tree, []string{"r/p@2:/"}},
			"shared directory":      {at(first, "doc/a").Tree, both("doc/a/")},
			"shared attributes":     {at(first, "doc/a").Attr.Tree, both("doc/a/")},
			"directory of 2":        {at(second, "doc/b").Tree, []string{"r/p@2:doc/b/"}},
			"attributes of 1":       {at(first, "doc/b").Attr.Tree, []string{"r/p@1:doc/b/"}},
			"shared chunk list":     {at(first, "bin/tool").Content.List, both("bin/tool")},
			"directory above both":  {at(first, "doc").Tree, []string{"r/p@1:doc/"}},
			"attributes above both": {at(second, "doc").Attr.Tree, []string{"r/p@2:doc/"}},
		} {
			problems := run(t, w, db, &reader{store: w.store, db: db, lost: []chunker.ID{c.id}})
			if got := affected(problems); !slices.Equal(got, c.want) || len(problems) != 1 {
				t.Errorf("%s: %q, want %q; %+v", name, got, c.want, problems)
				continue
			}
			if p := problems[0]; p.Object != "packs/xx" || p.Offset != 7 || p.Chunk != c.id || p.Versions != int64(len(c.want)) {
				t.Errorf("%s: %+v", name, p)
			}
		}
	})
}

// In trees of up to three levels, a page is lost at the top, in the middle,
// below. Long names make high trees of few files.
func TestALostPageIsChargedWhereverItIsInItsTree(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{"big": randomBytes(1, 60_000)}
	for i := range 800 {
		files[fmt.Sprintf("wide/%0250d", i)] = ""
	}
	w.ingest("r/p@1", files)
	w.index(func(db *index.DB) {
		sound := &reader{store: w.store, db: db}
		root := version(t, db, sound, "r/p@1")
		big, err := manifest.Resolve(t.Context(), sound, root, "big")
		check(t, err)
		wide, err := manifest.Resolve(t.Context(), sound, root, "wide")
		check(t, err)
		for _, c := range []struct {
			kind   chunker.Kind
			top    chunker.ID
			levels int
			want   string
		}{
			{chunker.ListNode, big.Content.List, 2, "r/p@1:big"},
			{chunker.DirNode, wide.Tree, 3, "r/p@1:wide/"},
			{chunker.AttrsNode, wide.Attr.Tree, 2, "r/p@1:wide/"},
		} {
			levels := sound.pages(t, c.kind, c.top)
			if len(levels) < c.levels {
				t.Fatalf("the %s has %d levels", c.kind, len(levels))
			}
			for level, ids := range levels {
				for _, id := range []chunker.ID{ids[0], ids[len(ids)-1]} {
					problems := run(t, w, db, &reader{store: w.store, db: db, lost: []chunker.ID{id}})
					if got := affected(problems); !slices.Equal(got, []string{c.want}) || len(problems) != 1 || problems[0].Versions != 1 {
						t.Fatalf("%s, level %d: %q, want %q; %+v", c.kind, level, got, c.want, problems)
					}
				}
			}
		}
	})
}

// Attributes that stand in the parent are lost with it; what they refer to is
// charged to the directory that has them.
func TestWhatInlineAttributesReferToIsCharged(t *testing.T) {
	w := newWorld(t)
	w.ingest("r/p@1", many("small/large"))
	w.index(func(db *index.DB) {
		sound := &reader{store: w.store, db: db}
		root := version(t, db, sound, "r/p@1")
		small, err := manifest.Resolve(t.Context(), sound, root, "small")
		check(t, err)
		large, err := manifest.Resolve(t.Context(), sound, root, "small/large")
		check(t, err)
		if small.Attr.InlineNode() == nil || large.Attr.InlineNode() != nil {
			t.Fatal("the attributes do not stand where this test wants them")
		}
		problems := run(t, w, db, &reader{store: w.store, db: db, lost: []chunker.ID{small.Tree, large.Attr.Tree}})
		if len(problems) != 2 {
			t.Errorf("%+v", problems)
		}
		want := []string{"r/p@1:small/"}
		for _, p := range problems {
			if got := affected([]scrub.Problem{p}); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", p.Chunk, got, want)
			}
		}
	})
}

func TestManyProblemsAreToldApart(t *testing.T) {
	w, _, _ := twoVersions(t)
	w.index(func(db *index.DB) {
		sound := &reader{store: w.store, db: db}
		root := version(t, db, sound, "r/p@1")
		tool, err := manifest.Resolve(t.Context(), sound, root, "bin/tool")
		check(t, err)
		dir, err := manifest.Resolve(t.Context(), sound, root, "doc/a")
		check(t, err)
		problems := run(t, w, db, &reader{store: w.store, db: db, lost: []chunker.ID{tool.Content.List, dir.Tree}})
		got := map[chunker.ID][]scrub.Affected{}
		for _, p := range problems {
			got[p.Chunk] = p.Affected
		}
		want := map[chunker.ID]string{tool.Content.List: "bin/tool", dir.Tree: "doc/a/"}
		if len(got) != len(want) {
			t.Fatalf("%+v", problems)
		}
		for id, path := range want {
			if !slices.Equal(got[id], []scrub.Affected{{Ref: "r/p@1", Path: path}, {Ref: "r/p@2", Path: path}}) {
				t.Errorf("%s: %+v", path, got[id])
			}
		}
	})
}

// However long the paths are that need what is lost, those that are named take
// a bounded number of bytes.
func TestThePathsOfAllProblemsAreBounded(t *testing.T) {
	w := newWorld(t)
	content := randomBytes(1, 10_000)
	dir := strings.Repeat(strings.Repeat("d", 250)+"/", 800)
	var stream bytes.Buffer
	out := tar.NewWriter(&stream)
	for i := range 60 {
		check(t, out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("%s%02d", dir, i), Size: int64(len(content))}))
		_, err := out.Write([]byte(content))
		check(t, err)
	}
	check(t, out.Close())
	w.engine(func(e *engine.Local) {
		_, err := e.Ingest(t.Context(), engine.IngestRequest{Source: source.Tar(&stream, source.Options{}), Ref: mustRef(t, "r/p@1")})
		check(t, err)
	})
	w.index(func(db *index.DB) {
		sound := &reader{store: w.store, db: db}
		file, err := manifest.Resolve(t.Context(), sound, version(t, db, sound, "r/p@1"), dir+"00")
		check(t, err)
		problems := run(t, w, db, &reader{store: w.store, db: db, lost: []chunker.ID{file.Content.List}})
		if len(problems) != 1 || problems[0].Versions != 1 {
			t.Fatalf("%d problems", len(problems))
		}
		size := 0
		for _, a := range problems[0].Affected {
			size += len(a.Path)
		}
		if size == 0 || size > 8<<20 {
			t.Errorf("%d paths of %d bytes are named", len(problems[0].Affected), size)
		}
	})
}
