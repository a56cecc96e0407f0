package engine_test

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/scrub"
	"github.com/artifortress/afs-engine/engine/unpack"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

func (r *metaRig) version(ref string) *engine.Version {
	r.t.Helper()
	v, err := r.Version(r.t.Context(), mustRef(r.t, ref))
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

// matches compares a version's state and content with m's.
func (r *metaRig) matches(m *metaModel, ref string) bool {
	r.t.Helper()
	for tag, target := range m.tags {
		v, err := r.Version(r.t.Context(), mustRef(r.t, tag))
		if err != nil || v.Ref.String() != target {
			return false
		}
	}
	want := m.versions[ref]
	v, err := r.Version(r.t.Context(), mustRef(r.t, ref))
	if !want.published {
		_, there := m.versions[ref]
		return engine.KindOf(err) == engine.KindNotFound && slices.Contains(r.draftRefs(), ref) == there
	}
	return err == nil && maps.Equal(readAll(r.t, v), want.files)
}

func (r *metaRig) check(ref string) {
	r.t.Helper()
	if !r.matches(r.model, ref) {
		r.t.Fatalf("%s or a tag is not what the model says", ref)
	}
}

func (r *metaRig) draftRefs() (refs []string) {
	for v, err := range r.Drafts(r.t.Context(), "") {
		if err != nil {
			r.t.Fatal(err)
		}
		refs = append(refs, v.Ref.String())
	}
	slices.Sort(refs)
	return refs
}

// checkAll compares all that there is.
func (r *metaRig) checkAll() {
	r.t.Helper()
	for _, ref := range r.model.published() {
		r.check(ref)
	}
	if got := r.draftRefs(); !slices.Equal(got, r.model.drafts()) {
		r.t.Fatalf("drafts %q, want %q", got, r.model.drafts())
	}
	s, err := r.Stats(r.t.Context())
	if err != nil || s.Versions != int64(len(r.model.published())) || s.Drafts != int64(len(r.model.drafts())) {
		r.t.Fatalf("stats %+v (%v), the model has %d versions and %d drafts", s, err, len(r.model.published()), len(r.model.drafts()))
	}
}

// verify reads every byte, and makes sure that none is stored twice.
func (r *metaRig) verify() {
	r.t.Helper()
	_, err := r.Verify(r.t.Context(), scrub.Options{ReadData: true}, func(p scrub.Problem) { r.t.Errorf("verify: %+v", p) })
	if err != nil {
		r.t.Fatal(err)
	}
	expectChunksOnce(r.t, r.store)
}

func expectChunksOnce(t *testing.T, s backends.Store) {
	t.Helper()
	seen := map[chunker.ID]packfile.ID{}
	eachPack(t, s, func(x *packfile.Index) {
		for _, e := range x.Entries {
			if other, twice := seen[e.ID]; twice {
				t.Errorf("%s %s is in pack %s and in pack %s", e.Kind, e.ID, other, x.ID)
			}
			seen[e.ID] = x.ID
		}
	})
}

// export is the projection, row by row.
func (r *metaRig) export() map[string]string {
	r.t.Helper()
	r.close()
	db, err := index.Open(r.dir, index.Options{FS: r.disk})
	if err != nil {
		r.t.Fatal(err)
	}
	rows := map[string]string{}
	err = db.Export(func(k, v []byte) error {
		rows[string(k)] = string(v)
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.open()
	return rows
}

// dryRun compares what a dry run foresees with what happens.
func (r *metaRig) dryRun(ref string, tree files) error {
	req := engine.IngestRequest{Source: tree, Ref: mustRef(r.t, ref), DryRun: true}
	dry, dryErr := r.Ingest(r.t.Context(), req)
	req.DryRun = false
	wet, err := r.Ingest(r.t.Context(), req)
	if engine.KindOf(dryErr) != engine.KindOf(err) {
		r.t.Fatalf("dry run: %v, ingest: %v", dryErr, err)
	}
	if err == nil && (dry.Root != wet.Root || dry.NewBytes != wet.NewBytes || dry.NewChunks != wet.NewChunks) {
		r.t.Fatalf("dry run %+v, ingest %+v", dry, wet)
	}
	return err
}

func (r *metaRig) diff(pick [2]int) {
	r.t.Helper()
	refs := r.model.published()
	if len(refs) == 0 {
		return
	}
	a, b := refs[pick[0]%len(refs)], refs[pick[1]%len(refs)]
	va, vb := r.version(a), r.version(b)
	var got []string
	for c, err := range manifest.Diff(r.t.Context(), va.Source(), va.Root(), vb.Source(), vb.Root()) {
		if err != nil {
			r.t.Fatal(err)
		}
		if c.Old != nil && c.Old.Kind == manifest.File || c.New != nil && c.New.Kind == manifest.File {
			got = append(got, c.Path)
		}
	}
	slices.Sort(got)
	if want := diffOf(r.model.versions[a].files, r.model.versions[b].files); !slices.Equal(got, want) {
		r.t.Fatalf("diff %s %s: %q, want %q", a, b, got, want)
	}
}

func (r *metaRig) restore(pick [2]int) {
	r.t.Helper()
	refs := r.model.published()
	if len(refs) == 0 {
		return
	}
	ref, dest := refs[pick[0]%len(refs)], filepath.Join(r.t.TempDir(), "dest")
	v := r.version(ref)
	if _, err := unpack.Tree(r.t.Context(), v.Source(), v.Root(), dest, unpack.Options{}); err != nil {
		r.t.Fatal(err)
	}
	if !maps.Equal(readDir(r.t, dest), r.model.versions[ref].files) {
		r.t.Fatalf("%s was restored to something else", ref)
	}
}

// readDir is a directory's content as files.
func readDir(t *testing.T, dir string) files {
	t.Helper()
	got := files{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		rel, relErr := filepath.Rel(dir, p)
		if err == nil {
			err = relErr
		}
		got[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// copyObjects puts all that from holds into to.
func copyObjects(t *testing.T, to, from backends.Store) {
	for key, b := range objects(t, from) {
		if err := to.Put(t.Context(), key, bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
	}
}
