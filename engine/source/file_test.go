package source

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFileThatChangesWhileItIsReadIsAnError reads half of a file, changes it in
// some way, and reads the rest.
func TestFileThatChangesWhileItIsReadIsAnError(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"grows":   func(path string) error { return appendTo(path, "more") },
		"shrinks": func(path string) error { return os.Truncate(path, 3) },
		"is overwritten": func(path string) error {
			if err := os.WriteFile(path, []byte(strings.Repeat("y", 1000)), 0o644); err != nil {
				return err
			}
			return os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour))
		},
		"vanishes": os.Remove,
		"is replaced": func(path string) error {
			if err := os.WriteFile(path+".new", []byte(strings.Repeat("x", 1000)), 0o644); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "f")
			must(t, os.WriteFile(path, []byte(strings.Repeat("x", 1000)), 0o644))
			backdate(t, path)
			r := newRecorder(t)
			r.onFile = func(_ string, open func() (io.ReadCloser, error)) {
				in, err := open()
				must(t, err)
				defer in.Close()
				_, err = io.ReadFull(in, make([]byte, 500))
				must(t, err)
				must(t, change(path))
				if _, err := io.ReadAll(in); !errors.Is(err, ErrChanged) {
					t.Errorf("reading on: %v", err)
				}
			}
			r.walk(Dir(dir, Options{}))
		})
	}
}

func TestFileThatIsSwappedBeforeItIsOpenedIsAnError(t *testing.T) {
	for name, swap := range map[string]func(path string) error{
		"gone":      func(string) error { return nil },
		"link":      func(path string) error { return os.Symlink("/etc/passwd", path) },
		"directory": func(path string) error { return os.Mkdir(path, 0o755) },
		"file":      func(path string) error { return os.WriteFile(path, []byte("x"), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, t.TempDir(), "f")
			path := filepath.Join(dir, "f")
			must(t, os.Link(path, filepath.Join(t.TempDir(), "keeps the inode number taken")))
			r := newRecorder(t)
			r.onFile = func(_ string, open func() (io.ReadCloser, error)) {
				must(t, os.Remove(path))
				must(t, swap(path))
				in, err := open()
				if in != nil || err == nil || name != "gone" && !errors.Is(err, ErrChanged) {
					t.Errorf("open: %v, %v", in, err)
				}
			}
			r.walk(Dir(dir, Options{}))
		})
	}
}

// TestDirectoryThatIsSwappedIsNotFollowed replaces a directory by a link while
// the walk is at the file before it.
func TestDirectoryThatIsSwappedIsNotFollowed(t *testing.T) {
	outside := tree(t, t.TempDir(), "secret")
	dir := tree(t, t.TempDir(), "a", "d/x")
	r := newRecorder(t)
	w := newWalker(t.Context(), r, Options{}, defaultLimits)
	root := &folder{dir: newHandle(openDir(t, dir)), entered: true}
	info, err := root.dir.Lstat("d")
	must(t, err)
	must(t, os.RemoveAll(filepath.Join(dir, "d")))
	must(t, os.Symlink(outside, filepath.Join(dir, "d")))
	must(t, w.descend(root, "d", Options{}.entry("d", 2, 0o755, time.Now()), info, 2))
	r.want()
	r.wantProblems("d: " + ErrChanged.Error())
	root.close()
}

func TestNamesThatMoveDuringAWalkAreAProblem(t *testing.T) {
	for name, c := range map[string]struct {
		change func(dir string) error
		want   []string
	}{
		"renamed behind": {func(dir string) error { return os.Rename(filepath.Join(dir, "z"), filepath.Join(dir, "0")) }, []string{": names in it changed", "z: no such file"}},
		"new":            {func(dir string) error { return os.WriteFile(filepath.Join(dir, "new"), nil, 0o644) }, []string{": names in it changed"}},
		"new, excluded":  {func(dir string) error { return os.WriteFile(filepath.Join(dir, "x.tmp"), nil, 0o644) }, nil},
		"mode only":      {func(dir string) error { return os.Chmod(dir, 0o700) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, t.TempDir(), "m", "z")
			backdate(t, dir)
			r := newRecorder(t)
			done := false
			r.onFile = func(string, func() (io.ReadCloser, error)) {
				if !done {
					must(t, c.change(dir))
				}
				done = true
			}
			r.walk(Dir(dir, Options{Filter: newFilter(t, filterTmp)}))
			r.wantProblems(c.want...)
		})
	}
}

// TestMovedDirectoryLosesItsParent moves a directory elsewhere while those
// above it are closed.
func TestMovedDirectoryLosesItsParent(t *testing.T) {
	dir := tree(t, t.TempDir(), "a/b/c/f", "a/later", "z")
	elsewhere := t.TempDir()
	r := newRecorder(t)
	r.onFile = func(path string, _ func() (io.ReadCloser, error)) {
		if path == "a/b/c/f" {
			must(t, os.Rename(filepath.Join(dir, "a/b"), filepath.Join(elsewhere, "b")))
		}
	}
	r.walk(&dirSource{dir, Options{}, limits{names: 100, open: 1}})
	if r.problems["a"] != "was moved while it was read" {
		t.Errorf("problems: %v", r.problems)
	}
}

func TestFilesThatClaimToBeEmptyAreFoundOut(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("no /proc here")
	}
	s, err := Paths([]string{"/proc/self/status"}, Options{})
	must(t, err)
	record(t, s).wantProblems("status: changed")
}

func appendTo(path, s string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(s)
	return errors.Join(err, f.Close())
}

// backdate makes a change's new time differ from the old one for certain.
func backdate(t *testing.T, path string) {
	t.Helper()
	must(t, os.Chtimes(path, time.Time{}, time.Unix(1e9, 0)))
}
