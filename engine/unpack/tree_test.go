package unpack

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/filter"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/source"
)

func TestTreeComesBackAsItWas(t *testing.T) {
	from := oddTree(t)
	m := newMemStore()
	root := m.dir(t, from)
	old := syscall.Umask(0o077) // modes must not depend on it
	defer syscall.Umask(old)
	to := filepath.Join(t.TempDir(), "made", "up", "dest")
	res, err := Tree(t.Context(), m, root, to, Options{Workers: 3})
	must(t, err)
	sameTree(t, to, from)
	t.Cleanup(func() { os.Chmod(filepath.Join(to, "locked"), 0o700) })
	if want := (Result{Files: root.Summary.Files - 3, Dirs: 5, Links: 3, Bytes: root.Summary.Bytes - linkBytes}); res != want {
		t.Errorf("result %+v, want %+v", res, want)
	}
	var st syscall.Stat_t
	must(t, syscall.Stat(filepath.Join(to, "zeros"), &st))
	if st.Blocks != 0 {
		t.Errorf("a file of zeros takes %d blocks", st.Blocks)
	}
}

const linkBytes = int64(len("dir") + len("nowhere") + len("loop"))

func TestFileOrLinkBecomesTheDestination(t *testing.T) {
	from := tree(t, t.TempDir(), "d/f=text", "d/l -> f")
	m := newMemStore()
	root := m.dir(t, from)
	for _, name := range []string{"f", "l"} {
		e, err := manifest.Resolve(t.Context(), m, root, "d/"+name)
		must(t, err)
		dest := filepath.Join(t.TempDir(), "new", "other-name")
		_, err = Tree(t.Context(), m, e, dest, Options{})
		must(t, err)
		want, got := snapshot(t, filepath.Join(from, "d", name)), snapshot(t, dest)
		if got["."] != want["."] {
			t.Errorf("%s is %q, want %q", name, got["."], want["."])
		}
		if _, err := Tree(t.Context(), m, e, dest, Options{}); !errors.Is(err, ErrExists) {
			t.Errorf("%s again: %v", name, err)
		}
		dir := tree(t, t.TempDir(), "d/precious=1")
		if _, err := Tree(t.Context(), m, e, dir+"/d", Options{Overwrite: Always, Delete: true}); !errors.Is(err, ErrExists) || !errors.Is(err, ErrDirExists) {
			t.Errorf("%s over a directory: %v", name, err)
		}
	}
}

func TestNeverWantsAnEmptyDestination(t *testing.T) {
	m := newMemStore()
	root := m.dir(t, tree(t, t.TempDir(), "a=1"))
	_, err := Tree(t.Context(), m, root, t.TempDir(), Options{})
	must(t, err)
	dest := tree(t, t.TempDir(), "b=2")
	before := snapshot(t, dest)
	if _, err := Tree(t.Context(), m, root, dest, Options{}); !errors.Is(err, ErrExists) || !errors.Is(err, fs.ErrExist) || errors.Is(err, ErrDirExists) {
		t.Errorf("Tree: %v", err)
	}
	if after := snapshot(t, dest); len(after) != len(before) || after["."] != before["."] {
		t.Errorf("the destination was touched: %v", after)
	}
}

// policyCase is a destination that has something of everything.
func policyCase(t *testing.T) (m *memStore, root manifest.Entry, from, dest string) {
	names := []string{"same=1", "other=new", "sub/same=3", "link -> x", "sub/l -> new", "dir/x=4", "file=5", "new=6", "todir/y=7"}
	from = tree(t, t.TempDir(), names...)
	dest = tree(t, t.TempDir(), "same=1", "other=older", "sub/same=3", "link -> x", "sub/l -> old", "dir/x=4", "file/precious=1", "todir=x", "extra=1", "sub/extra/deep=1")
	for _, name := range []string{"same", "sub/same", "dir/x"} {
		info, err := os.Stat(filepath.Join(from, name))
		must(t, err)
		must(t, os.Chtimes(filepath.Join(dest, name), info.ModTime(), info.ModTime()))
	}
	m = newMemStore()
	return m, m.dir(t, from), from, dest
}

func TestPoliciesAndTheirDryRuns(t *testing.T) {
	for name, c := range map[string]struct {
		o        Options
		actions  []string
		result   Result
		conflict bool
	}{
		"changed": {Options{Overwrite: Changed},
			[]string{"conflict file", "create new", "create todir/y", "replace link", "replace other", "replace sub/l", "replace todir"},
			Result{Files: 3, Dirs: 1, Links: 2, Bytes: 5, Skipped: 3}, true},
		"changed, delete": {Options{Overwrite: Changed, Delete: true},
			[]string{"create new", "create todir/y", "delete extra", "delete sub/extra", "replace file", "replace link", "replace other", "replace sub/l", "replace todir"},
			Result{Files: 4, Dirs: 1, Links: 2, Bytes: 6, Skipped: 3, Deleted: 2}, false},
		"always": {Options{Overwrite: Always},
			[]string{"conflict file", "create new", "create todir/y", "replace dir/x", "replace link", "replace other", "replace same", "replace sub/l", "replace sub/same", "replace todir"},
			Result{Files: 6, Dirs: 1, Links: 2, Bytes: 8}, true},
		"resume": {Options{Resume: true},
			[]string{"conflict file", "conflict link", "conflict other", "conflict sub/l", "conflict todir", "create new"},
			Result{Files: 1, Bytes: 1, Skipped: 3}, true},
	} {
		t.Run(name, func(t *testing.T) {
			m, root, from, dest := policyCase(t)
			before := snapshot(t, dest)
			for _, dry := range []bool{true, false} {
				var told actions
				o := c.o
				o.DryRun, o.Report = dry, told.report
				res, err := Tree(t.Context(), m, root, dest, o)
				if errors.Is(err, ErrExists) != c.conflict || errors.Is(err, ErrDirExists) != c.conflict || !c.conflict && err != nil {
					t.Fatalf("dry %v: %v", dry, err)
				}
				if !slices.Equal(told.sorted(), c.actions) {
					t.Errorf("dry %v:\n told %q\n want %q", dry, told.list, c.actions)
				}
				if res != c.result {
					t.Errorf("dry %v: %+v, want %+v", dry, res, c.result)
				}
				if dry {
					after := snapshot(t, dest)
					for path := range before {
						if before[path] != after[path] {
							t.Errorf("the dry run changed %q", path)
						}
					}
				}
			}
			if name == "changed, delete" {
				sameTree(t, dest, from)
			}
			if _, err := os.Lstat(filepath.Join(dest, "file", "precious")); c.conflict && err != nil {
				t.Errorf("what was in the way is gone: %v", err)
			}
		})
	}
}

func TestDryRunIntoNothingMakesNothing(t *testing.T) {
	m := newMemStore()
	root := m.dir(t, tree(t, t.TempDir(), "d/a=12", "l -> d"))
	dest := filepath.Join(t.TempDir(), "x", "y")
	res, err := Tree(t.Context(), m, root, dest, Options{DryRun: true})
	must(t, err)
	if want := (Result{Files: 1, Dirs: 2, Links: 1, Bytes: 2}); res != want {
		t.Errorf("%+v, want %+v", res, want)
	}
	if _, err := os.Lstat(filepath.Dir(dest)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a dry run made %s", filepath.Dir(dest))
	}
}

func TestMergeLeavesTheDirectoryItselfAlone(t *testing.T) {
	m := newMemStore()
	root := m.dir(t, tree(t, t.TempDir(), "a=1"))
	dest := tree(t, t.TempDir(), "b=2")
	must(t, os.Chmod(dest, 0o1777|os.ModeSticky))
	before, err := os.Stat(dest)
	must(t, err)
	_, err = Tree(t.Context(), m, root, dest, Options{Overwrite: Changed})
	must(t, err)
	if after, _ := os.Stat(dest); after.Mode() != before.Mode() {
		t.Errorf("mode %v became %v", before.Mode(), after.Mode())
	}
}

func TestLinksInTheDestinationAreNotFollowed(t *testing.T) {
	m := newMemStore()
	root := m.dir(t, tree(t, t.TempDir(), "d/f=evil", "f=evil"))
	for _, o := range []Options{{Overwrite: Always}, {Overwrite: Changed, Delete: true}, {Resume: true}} {
		outside := tree(t, t.TempDir(), "f=precious")
		dest := tree(t, t.TempDir(), "d -> "+outside, "f -> "+outside+"/f", "extra -> "+outside)
		_, err := Tree(t.Context(), m, root, dest, o)
		if o.Resume != errors.Is(err, ErrExists) {
			t.Errorf("%+v: %v", o, err)
		}
		b, err := os.ReadFile(filepath.Join(outside, "f"))
		if left, _ := os.ReadDir(outside); err != nil || string(b) != "precious" || len(left) != 1 {
			t.Errorf("%+v: outside was written: %q, %v, %v", o, b, err, left)
		}
	}
}

func TestSetuidIsNotRestored(t *testing.T) {
	m := newMemStore()
	b := manifest.NewBuilder(m)
	ctx := t.Context()
	now := time.Unix(1e9, 0)
	must(t, b.Enter(ctx, manifest.Entry{Kind: manifest.Dir, Attr: manifest.Attr{Mode: 0o2755, MTime: now}}))
	must(t, b.Add(ctx, manifest.Entry{Name: "f", Kind: manifest.File, Exec: true, Attr: manifest.Attr{Mode: 0o4755, MTime: now}}))
	must(t, b.Leave(ctx))
	_, root, err := b.Root()
	must(t, err)
	dest := filepath.Join(t.TempDir(), "d")
	_, err = Tree(ctx, m, root, dest, Options{})
	must(t, err)
	for _, path := range []string{dest, dest + "/f"} {
		if info, _ := os.Stat(path); info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 || info.Mode().Perm() != 0o755 {
			t.Errorf("%s has %v", path, info.Mode())
		}
	}
}

// TestInterruptedRunLeavesNoHalfFile cancels at every chunk in turn, looks at
// what is there, and resumes.
func TestInterruptedRunLeavesNoHalfFile(t *testing.T) {
	from := tree(t, t.TempDir(), "a="+strings.Repeat("a1", 5000), "d/b="+strings.Repeat("b2", 5000), "d/c=3", "l -> a", "z="+strings.Repeat("z", 9000))
	want := snapshot(t, from)
	m := newMemStore()
	root := m.dir(t, from)
	for stop := range int64(14) {
		ctx, cancel := context.WithCancel(t.Context())
		var n atomic.Int64
		m.onChunk = func(chunker.Kind, chunker.ID) error {
			if n.Add(1) > stop {
				cancel()
			}
			return nil
		}
		dest := filepath.Join(t.TempDir(), "dest")
		_, err := Tree(ctx, m, root, dest, Options{Workers: 2})
		cancel()
		m.onChunk = nil
		if n.Load() > stop && !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped after %d chunks: %v", stop, err)
		}
		if _, err := os.Stat(dest); err == nil {
			for path, desc := range snapshot(t, dest) {
				if isTemp(filepath.Base(path)) || desc[0] != 'd' && desc != want[path] {
					t.Errorf("stopped after %d chunks: %q is %q, want %q", stop, path, desc, want[path])
				}
			}
			tree(t, dest, tempName()+"=what SIGKILL leaves")
		}
		_, err = Tree(t.Context(), m, root, dest, Options{Resume: true})
		must(t, err)
		sameTree(t, dest, from)
	}
}

func TestResumeChecksBytes(t *testing.T) {
	from := tree(t, t.TempDir(), "a=right", "z="+strings.Repeat("\x00", 5000))
	m := newMemStore()
	root := m.dir(t, from)
	for name, text := range map[string]string{"a": "wrong", "z": strings.Repeat("\x00", 4999) + "x"} {
		dest := filepath.Join(t.TempDir(), "dest")
		_, err := Tree(t.Context(), m, root, dest, Options{})
		must(t, err)
		info, err := os.Stat(filepath.Join(dest, name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dest, name), []byte(text), 0o644))
		must(t, os.Chtimes(filepath.Join(dest, name), info.ModTime(), info.ModTime()))
		if _, err := Tree(t.Context(), m, root, dest, Options{Resume: true}); !errors.Is(err, ErrExists) {
			t.Errorf("%s with other bytes was kept: %v", name, err)
		}
		_, err = Tree(t.Context(), m, root, dest, Options{Resume: true, Overwrite: Changed})
		must(t, err)
		sameTree(t, dest, from)
	}
}

// TestDeepTreesComeBack has a path beyond PATH_MAX, and directories that share
// one node.
func TestDeepTreesComeBack(t *testing.T) {
	m := newMemStore()
	ctx := t.Context()
	b := manifest.NewBuilder(m)
	const depth = 600
	dir := manifest.Entry{Kind: manifest.Dir, Attr: manifest.Attr{Mode: 0o555, MTime: time.Unix(1e9, 5)}}
	for range depth {
		must(t, b.Enter(ctx, dir))
		dir.Name = "deep-dir"
	}
	for range depth {
		must(t, b.Leave(ctx))
	}
	_, root, err := b.Root()
	must(t, err)
	dest := filepath.Join(t.TempDir(), "x")
	_, err = Tree(ctx, m, root, dest, Options{})
	must(t, err)
	var stream bytes.Buffer
	_, err = Tar(ctx, m, root, &stream, Options{})
	must(t, err)
	for name, s := range map[string]source.Source{"tree": source.Dir(dest, source.Options{}), "tar": source.Tar(&stream, source.Options{})} {
		if back := m.ingest(t, s); back.Tree != root.Tree || back.Attr.Tree != root.Attr.Tree {
			t.Errorf("%s: it came back as another tree", name)
		}
	}
	must(t, os.Chmod(dest, 0o755))
	_, err = Tree(ctx, m, m.dir(t, t.TempDir()), dest, Options{Overwrite: Always, Delete: true})
	must(t, err)
	if left, _ := os.ReadDir(dest); len(left) != 0 {
		t.Errorf("Delete left %v", left)
	}
}

func TestDamageIsAnErrorThatNamesThePath(t *testing.T) {
	m := newMemStore()
	root := m.dir(t, tree(t, t.TempDir(), "d/f=text"))
	m.onChunk = func(kind chunker.Kind, _ chunker.ID) error {
		if kind == chunker.Data {
			return errBroken
		}
		return nil
	}
	dest := filepath.Join(t.TempDir(), "x")
	_, err := Tree(t.Context(), m, root, dest, Options{})
	if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "d/f") {
		t.Errorf("Tree: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Join(dest, "d")); len(left) != 0 {
		t.Errorf("it left %v", left)
	}
}

func TestFilterAppliesToTree(t *testing.T) {
	m := newMemStore()
	root := m.dir(t, tree(t, t.TempDir(), "src/a.go=1", "src/b.o=2", "docs/x=3", "void/", "m/n/c.go=4"))
	f, err := filter.New(filter.Options{Include: []string{"*.go"}})
	must(t, err)
	dest := tree(t, t.TempDir(), "m/n/kept.o=1", "m/n/gone.go=1", "docs/kept=1", "leads/to/kept.go=1")
	var told actions
	_, err = Tree(t.Context(), m, root, dest, Options{Overwrite: Changed, Delete: true, Filter: f, Report: told.report})
	must(t, err)
	if want := []string{"create m/n/c.go", "create src", "create src/a.go", "delete m/n/gone.go"}; !slices.Equal(told.sorted(), want) {
		t.Errorf("told %q, want %q", told.list, want)
	}
}

func TestProgressEndsWithEverything(t *testing.T) {
	m := newMemStore()
	from := tree(t, t.TempDir(), "a=12345", "b/c=678", "l -> abc")
	root := m.dir(t, from)
	dest := filepath.Join(t.TempDir(), "x")
	for range 2 { // the second run keeps all
		var files, bytes int64
		_, err := Tree(t.Context(), m, root, dest, Options{Resume: true, Progress: func(f, b int64) { files, bytes = max(files, f), max(bytes, b) }})
		must(t, err)
		if files != root.Summary.Files || bytes != root.Summary.Bytes {
			t.Errorf("%d files, %d bytes; want %d, %d", files, bytes, root.Summary.Files, root.Summary.Bytes)
		}
	}
}
