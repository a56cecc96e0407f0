package source

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/filter"
)

var filterTmp = filter.Options{Exclude: []string{"*.tmp"}}

func openDir(t *testing.T, path string) *dirfd.Dir {
	t.Helper()
	d, err := dirfd.Open(path)
	must(t, err)
	return d
}

func TestPathsStandUnderTheirBaseNames(t *testing.T) {
	root := tree(t, t.TempDir(), "x/zz", "y/dir/f", "y/dir/g.tmp", "link -> y/dir", "flink -> x/zz", "inner -> x")
	newest := time.Date(2040, 1, 2, 3, 4, 5, 6, time.UTC)
	must(t, os.Chtimes(filepath.Join(root, "x/zz"), newest, newest))
	var paths []string
	for _, p := range []string{"x/zz", "y/dir/", "link", "flink"} {
		paths = append(paths, root+"/"+p)
	}
	s, err := Paths(paths, Options{Filter: newFilter(t, filterTmp)})
	must(t, err)
	r := record(t, s)
	r.want("dir/", "dir/f", "flink", "link/", "link/f", "zz")
	r.wantProblems()
	if a := r.entries[""].Attr; a.Mode != 0o755 || !a.MTime.Equal(newest) {
		t.Errorf("the root has %o %v", a.Mode, a.MTime)
	}
	if r.bodies["flink"] != "x/zz" || r.bodies["dir/f"] != "y/dir/f" {
		t.Errorf("contents: %v", r.bodies)
	}
	var files int64
	s.Measure(context.Background(), func(f, _ int64) { files += f })
	if files != 4 {
		t.Errorf("measured %d files, want 4", files)
	}
}

func TestPathsRefusesWhatHasNoPlace(t *testing.T) {
	root := tree(t, t.TempDir(), "a/f", "b/f")
	if _, err := Paths([]string{root + "/a/f", root + "/b/f"}, Options{}); !errors.Is(err, ErrSameName) {
		t.Errorf("the same name twice: %v", err)
	}
	if _, err := Paths([]string{root + "/none"}, Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a path that is not there: %v", err)
	}
	if _, err := Paths([]string{"/"}, Options{}); err == nil {
		t.Error("the root directory has no name, and was accepted")
	}
}

func TestPathThatVanishesIsAProblem(t *testing.T) {
	root := tree(t, t.TempDir(), "a/f", "b/g")
	s, err := Paths([]string{root + "/a/f", root + "/b/g"}, Options{})
	must(t, err)
	must(t, os.RemoveAll(root+"/a"))
	r := record(t, s)
	r.want("g")
	r.wantProblems("f: no such file")
}

func TestRawIsOneFile(t *testing.T) {
	epoch := time.Unix(77, 0)
	r := record(t, Raw(strings.NewReader("hello"), "name", Options{Epoch: epoch}))
	r.want("name")
	if e := r.entries["name"]; r.bodies["name"] != "hello" || e.Size != 5 || e.Attr.Mode != 0o644 || !e.Attr.MTime.Equal(epoch) {
		t.Errorf("%+v %q", e, r.bodies["name"])
	}
	for _, name := range []string{"", ".", "..", "a/b", "a\x00", strings.Repeat("n", 256)} {
		if err := Raw(strings.NewReader(""), name, Options{}).Walk(context.Background(), newRecorder(t)); err == nil {
			t.Errorf("the name %q was accepted", name)
		}
	}
}

func TestRawStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Raw(strings.NewReader("x"), "n", Options{}).Walk(ctx, newRecorder(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("Walk: %v", err)
	}
}
