package engine_test

import (
	"archive/tar"
	"bytes"
	"testing"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/source"
)

// tarEntry is a file with content, or a link.
type tarEntry struct {
	kind          byte
	name, content string
}

func tarStream(t *testing.T, entries []tarEntry) source.Source {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Typeflag: e.kind, Name: e.name, Mode: 0o644}
		if e.kind == tar.TypeReg {
			h.Size = int64(len(e.content))
		} else {
			h.Linkname = e.content
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if e.kind == tar.TypeReg {
			if _, err := w.Write([]byte(e.content)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return source.Tar(&b, source.Options{})
}

// The numbers of an ingest are those of the tree, however it came.
func TestATarsFilesAreCountedAsThoseOfItsTree(t *testing.T) {
	for name, c := range map[string]struct {
		entries      []tarEntry
		files, bytes int64
	}{
		"names of one file":   {[]tarEntry{{tar.TypeReg, "a", "abc"}, {tar.TypeLink, "b", "a"}, {tar.TypeLink, "d/c", "a"}}, 3, 9},
		"the same name twice": {[]tarEntry{{tar.TypeReg, "a", "abc"}, {tar.TypeReg, "a", "abc"}}, 1, 3},
		"a changed one":       {[]tarEntry{{tar.TypeReg, "a", "abc"}, {tar.TypeReg, "a", "longer"}}, 1, 6},
		"symbolic links":      {[]tarEntry{{tar.TypeReg, "a", "abc"}, {tar.TypeSymlink, "s", "a"}, {tar.TypeSymlink, "d/s", "../a"}}, 3, 8},
		"a directory is gone": {[]tarEntry{{tar.TypeReg, "d/a", "abc"}, {tar.TypeReg, "d/b", "abc"}, {tar.TypeReg, "d", "x"}}, 1, 1},
		"a file is gone":      {[]tarEntry{{tar.TypeReg, "d", "abc"}, {tar.TypeDir, "d", ""}}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, dry := range []bool{true, false} {
				res, err := w.Ingest(t.Context(), engine.IngestRequest{Source: tarStream(t, c.entries), Ref: mustRef(t, "x/y@1"), DryRun: dry})
				if err != nil || res.Files != c.files || res.Bytes != c.bytes {
					t.Fatalf("dry run %t: %+v, %v; want %d files, %d bytes", dry, res, err, c.files, c.bytes)
				}
			}
			v, err := w.Version(t.Context(), mustRef(t, "x/y@1"))
			if err != nil || v.Summary.Files != c.files || v.Summary.Bytes != c.bytes {
				t.Fatalf("%+v, %v; want %d files, %d bytes", v.Summary, err, c.files, c.bytes)
			}
		})
	}
}

// Added to a draft, only what was added counts, as from a directory.
func TestATarAddedToADraftCountsItsOwnFiles(t *testing.T) {
	w := newWorld(t)
	if err := w.draft("x/y@1", files{"a": "a", "b": "b"}, nil); err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]source.Source{
		"directory": files{"b": "xyz", "c": "xyz"},
		"tar":       tarStream(t, []tarEntry{{tar.TypeReg, "b", "xyz"}, {tar.TypeLink, "c", "b"}}),
	} {
		res, err := w.Ingest(t.Context(), engine.IngestRequest{Source: src, Ref: mustRef(t, "x/y@1"), Draft: true})
		if err != nil || res.Files != 2 || res.Bytes != 6 {
			t.Errorf("%s: %+v, %v", name, res, err)
		}
	}
}
