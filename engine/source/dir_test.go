package source

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/filter"
	"github.com/artifortress/afs-engine/engine/manifest"
)

func TestOddTreesAreShownAsTheyAre(t *testing.T) {
	long := strings.Repeat("n", 255)
	root := tree(t, t.TempDir(), "a-b", "a/x", "a/.hidden", "empty/", "dangling -> nowhere", "loop -> loop", "up -> ..",
		"line\nbreak", "bad\xff\xfeutf8", long, "spaces  ", "dirlink -> a")
	r := record(t, Dir(root, Options{}))
	r.want("a/", "a/.hidden", "a/x", "a-b", "bad\xff\xfeutf8", "dangling -> nowhere", "dirlink -> a", "empty/",
		"line\nbreak", "loop -> loop", long, "spaces  ", "up -> ..")
	r.wantProblems()
	if got := r.bodies["a/x"]; got != "a/x" {
		t.Errorf("a/x has %q", got)
	}
}

func TestEmptyDirectoryIsAnEmptyRoot(t *testing.T) {
	r := record(t, Dir(t.TempDir(), Options{}))
	r.want()
	if e := r.entries[""]; e.Kind != manifest.Dir {
		t.Errorf("the root is %v", e)
	}
}

func TestAttributesAreTaken(t *testing.T) {
	root := tree(t, t.TempDir(), "plain", "run", "sticky", "none", "d/", "l -> x")
	old := time.Date(1931, 5, 6, 7, 8, 9, 123456789, time.UTC)
	for name, mode := range map[string]uint32{"plain": 0o640, "run": 0o710, "sticky": 0o6755, "none": 0, "d": 0o1700} {
		must(t, syscall.Chmod(filepath.Join(root, name), mode))
		must(t, os.Chtimes(filepath.Join(root, name), old, old))
	}
	must(t, os.Chmod(root, 0o751))
	r := record(t, Dir(root, Options{}))
	for name, want := range map[string]uint32{"": 0o751, "plain": 0o640, "run": 0o710, "sticky": 0o755, "none": 0, "d": 0o700, "l": 0o777} {
		if got := r.entries[name].Attr.Mode; got != want {
			t.Errorf("%q has mode %o, want %o", name, got, want)
		}
	}
	for name, want := range map[string]bool{"plain": false, "run": true, "sticky": true, "none": false, "d": false, "l": false} {
		e := r.entries[name]
		if e.Exec != want {
			t.Errorf("%q executable: %v", name, e.Exec)
		}
		if name != "l" && !e.Attr.MTime.Equal(old) {
			t.Errorf("%q has time %v", name, e.Attr.MTime)
		}
	}
	if e := r.entries["plain"]; e.Size != 5 {
		t.Errorf("plain has size %d", e.Size)
	}
}

func TestReproducibleTreesDifferInContentOnly(t *testing.T) {
	root := tree(t, t.TempDir(), "plain", "run", "d/", "l -> x")
	must(t, os.Chmod(filepath.Join(root, "plain"), 0o600))
	must(t, os.Chmod(filepath.Join(root, "run"), 0o700))
	must(t, os.Chmod(filepath.Join(root, "d"), 0o700))
	epoch := time.Unix(1700000000, 0)
	r := record(t, Dir(root, Options{Reproducible: true, Epoch: epoch}))
	for name, want := range map[string]uint32{"": 0o755, "plain": 0o644, "run": 0o755, "d": 0o755, "l": 0o777} {
		if a := r.entries[name].Attr; a.Mode != want || !a.MTime.Equal(epoch) {
			t.Errorf("%q has %o %v", name, a.Mode, a.MTime)
		}
	}
}

func TestDevicesAndPipesAreSkipped(t *testing.T) {
	root := tree(t, t.TempDir(), "file")
	must(t, syscall.Mkfifo(filepath.Join(root, "pipe"), 0o644))
	r := record(t, Dir(root, Options{}))
	r.want("file")
	if !slices.Equal(r.skipped, []string{"pipe"}) {
		t.Errorf("skipped %q", r.skipped)
	}
}

func TestRootMayBeALinkToADirectory(t *testing.T) {
	root := tree(t, t.TempDir(), "real/x", "link -> real")
	record(t, Dir(filepath.Join(root, "link"), Options{})).want("x")
	for _, name := range []string{"none", "real/x"} {
		if err := Dir(filepath.Join(root, name), Options{}).Walk(context.Background(), newRecorder(t)); err == nil {
			t.Errorf("%s was walked", name)
		} else if name == "none" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBigDirectoriesAreSortedOnDisk has more names than may be held, in
// directories inside each other, and compares with a plain sort.
func TestBigDirectoriesAreSortedOnDisk(t *testing.T) {
	root := t.TempDir()
	var want []string
	for _, dir := range []string{"m", "m/m", "m/m/m"} {
		for _, name := range names(300) {
			tree(t, root, dir+"/"+name)
			want = append(want, dir+"/"+name)
		}
	}
	scratchDir := t.TempDir()
	s := &dirSource{root, Options{ScratchDir: scratchDir}, limits{names: 100, open: 256}}
	r := record(t, s)
	r.wantProblems()
	var got []string
	for _, line := range r.lines {
		if !strings.HasSuffix(line, "/") {
			got = append(got, line)
		}
	}
	slices.SortFunc(want, func(a, b string) int {
		return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
	})
	if !slices.Equal(got, want) {
		t.Errorf("%d names shown, %d there, or out of order", len(got), len(want))
	}
	if left, _ := os.ReadDir(scratchDir); len(left) != 0 {
		t.Errorf("the walk left %v", left)
	}
}

// TestDeepTreesNeedFewDescriptors has paths far beyond PATH_MAX.
func TestDeepTreesNeedFewDescriptors(t *testing.T) {
	root := t.TempDir()
	const depth = 1000
	name := "deep-dir"
	at, err := dirfd.Open(root)
	must(t, err)
	for range depth {
		must(t, at.Mkdir(name, 0o755))
		must(t, at.Mkdir("e", 0o755)) // after the deep one, so that the walk must come back
		next, err := at.OpenDir(name)
		must(t, err)
		must(t, at.Close())
		at = next
	}
	must(t, at.Close())
	w := &dirSource{root, Options{}, limits{names: 1 << 16, open: 4}}
	r := newRecorder(t)
	r.walk(w)
	r.wantProblems()
	if r.depth != depth+1 || len(r.lines) != 2*depth {
		t.Errorf("%d levels and %d directories, want %d and %d", r.depth, len(r.lines), depth+1, 2*depth)
	}
}

func TestTooDeepTreesAreAProblem(t *testing.T) {
	w := newWalker(context.Background(), newRecorder(t), Options{}, defaultLimits)
	w.way = make([]*folder, manifest.NestingMax)
	f := &folder{}
	must(t, w.descend(f, "d", manifest.Entry{Name: "d"}, dirfd.Info{}, filter.Take))
	w.v.(*recorder).wantProblems("d: too many")
}

func TestFilterAppliesToTheWalk(t *testing.T) {
	root := tree(t, t.TempDir(), "keep/a.o", "keep/b", "out/x", "src/deep/y.go", "src/deep/z", "void/w", ".ignore -> none", "src/.ignore")
	must(t, os.WriteFile(filepath.Join(root, "src/.ignore"), []byte("z\n"), 0o644))
	r := record(t, Dir(root, Options{Filter: newFilter(t, filter.Options{Exclude: []string{"*.o", "out", ".ignore"}, IgnoreFiles: []string{".ignore"}})}))
	r.want("keep/", "keep/b", "src/", "src/deep/", "src/deep/y.go", "void/", "void/w")
	r.wantProblems()

	r = record(t, Dir(root, Options{Filter: newFilter(t, filter.Options{Include: []string{"*.go", "/void"}})}))
	r.want("src/", "src/deep/", "src/deep/y.go", "void/", "void/w")
}

func TestMeasureCountsWhatTheFilterLets(t *testing.T) {
	root := tree(t, t.TempDir(), "a", "bb", "d/ccc", "d/l -> x", "d/skipped.o")
	var files, bytes int64
	s := Dir(root, Options{Filter: newFilter(t, filter.Options{Exclude: []string{"*.o"}})})
	s.Measure(context.Background(), func(f, b int64) { files += f; bytes += b })
	if want := int64(len("a") + len("bb") + len("d/ccc")); files != 4 || bytes != want {
		t.Errorf("%d files, %d bytes; want 4, %d", files, bytes, want)
	}
}

func TestWalkStopsWithItsContext(t *testing.T) {
	root := tree(t, t.TempDir(), "a", "b")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Dir(root, Options{}).Walk(ctx, newRecorder(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("Walk: %v", err)
	}
}

// TestUnreadableThingsAreProblems runs as an ordinary user even if the tests
// run as root, for whom everything is readable.
func TestUnreadableThingsAreProblems(t *testing.T) {
	root := tree(t, t.TempDir(), "dir/x", "file", "ok")
	must(t, os.Chmod(filepath.Join(root, "dir"), 0))
	must(t, os.Chmod(filepath.Join(root, "file"), 0))
	defer os.Chmod(filepath.Join(root, "dir"), 0o700)
	defer dropPrivileges(t, root)()
	r := record(t, Dir(root, Options{}))
	r.want("dir/", "file", "ok")
	r.wantProblems("dir: permission denied", "file: permission denied")
}

func newFilter(t *testing.T, o filter.Options) *filter.Filter {
	t.Helper()
	f, err := filter.New(o)
	must(t, err)
	return f
}
