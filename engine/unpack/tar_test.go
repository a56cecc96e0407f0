package unpack

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/artifortress/afs-engine/engine/filter"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/source"
)

func TestTarComesBackAsItWas(t *testing.T) {
	from := oddTree(t)
	m := newMemStore()
	root := m.dir(t, from)
	var b, again bytes.Buffer
	res, err := Tar(t.Context(), m, root, &b, Options{})
	must(t, err)
	if res.Files != root.Summary.Files-3 || res.Links != 3 || res.Dirs != 5-1 || res.Bytes != root.Summary.Bytes-linkBytes {
		t.Errorf("result %+v", res)
	}
	_, err = Tar(t.Context(), m, root, &again, Options{})
	must(t, err)
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("the same version gave other bytes")
	}
	back := m.ingest(t, source.Tar(&b, source.Options{}))
	if back.Tree != root.Tree || back.Attr.Tree != root.Attr.Tree {
		t.Error("the tar stream does not have the same content and attributes ids")
	}
	dest := filepath.Join(t.TempDir(), "x")
	_, err = Tree(t.Context(), m, back, dest, Options{})
	must(t, err)
	t.Cleanup(func() { os.Chmod(filepath.Join(dest, "locked"), 0o700) })
	sameTree(t, dest, from)
}

func TestTarOfAFileIsOneEntry(t *testing.T) {
	m := newMemStore()
	root := m.dir(t, tree(t, t.TempDir(), "d/f=text"))
	e, err := manifest.Resolve(t.Context(), m, root, "d/f")
	must(t, err)
	var b bytes.Buffer
	_, err = Tar(t.Context(), m, e, &b, Options{})
	must(t, err)
	if got := names(t, &b); !slices.Equal(got, []string{"f"}) {
		t.Errorf("names %q", got)
	}
}

func TestFilterAppliesToTar(t *testing.T) {
	m := newMemStore()
	root := m.dir(t, tree(t, t.TempDir(), "src/a.go=1", "src/b.o=2", "void/", "m/n/c.go=4"))
	f, err := filter.New(filter.Options{Include: []string{"*.go"}})
	must(t, err)
	var b bytes.Buffer
	_, err = Tar(t.Context(), m, root, &b, Options{Filter: f})
	must(t, err)
	if got, want := names(t, &b), []string{"./", "m/", "m/n/", "m/n/c.go", "src/", "src/a.go"}; !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
}

func names(t *testing.T, r io.Reader) (list []string) {
	t.Helper()
	in := tar.NewReader(r)
	for {
		h, err := in.Next()
		if err == io.EOF {
			return list
		}
		must(t, err)
		list = append(list, h.Name)
	}
}
