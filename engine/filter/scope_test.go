package filter

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

func TestIncludeTakesMatchesAndWhatIsBelowThem(t *testing.T) {
	f := compiled(t, Options{Include: []string{"/src", "*.md", "!draft.md", "/a/b/c"}, Exclude: []string{"*.o"}})
	for path, want := range map[string]Verdict{
		"src/": Take, "src/x/y": Take, "src/x.o": Skip, "src/draft.md": Skip,
		"README.md": Take, "draft.md": Skip, "main.go": Skip,
		"docs/": Below, "docs/guide.md": Take, "docs/x.png": Skip,
		"a/b/c/d": Take, "a/b/x": Skip,
	} {
		if got := judge(f, path); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}

func TestDirectoriesThatCannotHoldAnIncludedPathAreSkipped(t *testing.T) {
	f := compiled(t, Options{Include: []string{"/a/b*/c", "x/**/y", "!z"}})
	for path, want := range map[string]Verdict{
		"a/": Below, "a/b1/": Below, "a/c/": Skip, "q/": Skip, "z/": Skip,
		"x/": Below, "x/1/2/3/": Below, "a/b1/c/": Take, "a/b1/c/d/": Take,
	} {
		if got := judge(f, path); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}

func TestExcludedDirectoryKeepsNothing(t *testing.T) {
	f := compiled(t, Options{Exclude: []string{"out", "!out/keep"}})
	if got := judge(f, "out/keep"); got != Skip {
		t.Errorf("out/keep: %v", got)
	}
}

func TestStrongerListsDecide(t *testing.T) {
	dir := t.TempDir()
	from := filepath.Join(dir, "patterns")
	must(t, os.WriteFile(from, []byte("*.log\n*.tmp\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, ".ignore"), []byte("!a.log\n!b.log\n*.txt\n/top\n"), 0o644))
	must(t, os.Mkdir(filepath.Join(dir, "d"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "d", ".ignore"), []byte("!c.txt\n/top\n"), 0o644))
	f := compiled(t, Options{ExcludeFrom: []string{from}, IgnoreFiles: []string{".ignore"}, Exclude: []string{"b.log"}})
	for path, want := range map[string]Verdict{
		"x.log": Skip, "a.log": Take, "b.log": Skip, "x.tmp": Skip, "c.txt": Skip, "d/c.txt": Take, "d/x.txt": Skip,
		"top": Skip, "d/top": Skip, "d/a.log": Take,
	} {
		if got := walkTo(t, f, dir, path); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}

func TestUnreadableIgnoreFileIsAnError(t *testing.T) {
	f := compiled(t, Options{IgnoreFiles: []string{".ignore"}})
	broken := errors.New("broken")
	scope, err := f.Root(func(string) (io.ReadCloser, error) { return io.NopCloser(iotest.ErrReader(broken)), nil })
	if !errors.Is(err, broken) || scope.Match("a", false) != Take {
		t.Errorf("Root: %v", err)
	}
	if _, err := scope.Enter("d", func(string) (io.ReadCloser, error) { return nil, fs.ErrPermission }); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Enter: %v", err)
	}
}

func TestNilFilterTakesEverything(t *testing.T) {
	var f *Filter
	if got := judge(f, "a/b/c"); got != Take {
		t.Errorf("a/b/c: %v", got)
	}
}

func TestMissingPatternFileIsAnError(t *testing.T) {
	if _, err := New(Options{ExcludeFrom: []string{filepath.Join(t.TempDir(), "none")}}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("New: %v", err)
	}
}

// TestSiblingScopesDoNotShareTheirPaths would fail if Enter appended to memory
// that another scope uses.
func TestSiblingScopesDoNotShareTheirPaths(t *testing.T) {
	f := compiled(t, Options{Exclude: []string{"/a/b/x/f"}})
	root, _ := f.Root(nil)
	a, _ := root.Enter("a", nil)
	b, _ := a.Enter("b", nil)
	x, _ := b.Enter("x", nil)
	y, _ := b.Enter("y", nil)
	if x.Match("f", false) != Skip || y.Match("f", false) != Take {
		t.Error("sibling scopes are mixed up")
	}
}

func judge(f *Filter, path string) Verdict {
	name, isDir := strings.CutSuffix(path, "/")
	return f.Match(strings.Split(name, "/"), isDir)
}

func compiled(t *testing.T, o Options) *Filter {
	t.Helper()
	f, err := New(o)
	must(t, err)
	return f
}

func TestWithoutLeavesOutMoreAndTheFilterAsItIs(t *testing.T) {
	all := compiled(t, Options{Exclude: []string{"*.log"}})
	for name, f := range map[string]*Filter{"a filter": all, "none": nil} {
		less, err := f.Without("*.tmp", "!keep.log")
		if err != nil {
			t.Fatal(err)
		}
		if less.Match([]string{"a.tmp"}, false) != Skip || less.Match([]string{"keep.log"}, false) != Take {
			t.Errorf("%s: the patterns are not obeyed", name)
		}
		if f.Match([]string{"a.tmp"}, false) != Take {
			t.Errorf("%s itself has changed", name)
		}
		if same, err := f.Without(); same != f || err != nil {
			t.Errorf("%s without nothing is another: %v, %v", name, same, err)
		}
		if _, err := f.Without("["); !errors.Is(err, ErrBadPattern) {
			t.Errorf("%s without a bad pattern: %v", name, err)
		}
	}
}
