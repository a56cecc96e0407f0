package index

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func remove(t testing.TB, dir string, o Options) {
	t.Helper()
	l, err := LockDir(dir, o)
	check(t, err)
	check(t, l.Remove())
	check(t, l.Close())
}

// A link to another disk, or a mount point, survives that the index is made
// anew, and so does what says who holds it.
func TestRemoveLeavesTheDirectory(t *testing.T) {
	dir, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
	check(t, os.Symlink(dir, link))
	check(t, open(t, link).Close())
	check(t, os.WriteFile(filepath.Join(dir, OwnerFile), nil, 0o600))
	remove(t, link, Options{})
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 || left[0].Name() != lockFile || left[1].Name() != OwnerFile {
		t.Errorf("left: %v, %v", left, err)
	}
	if _, err := os.Readlink(link); err != nil {
		t.Error(err)
	}
	check(t, open(t, link).Close())
}

// An index that is made anew is nobody else's in between.
func TestTheLockOutlivesTheIndex(t *testing.T) {
	dir := t.TempDir()
	l, err := LockDir(dir, Options{})
	check(t, err)
	busy := func(when string) {
		t.Helper()
		if _, err := Open(dir, Options{}); !errors.Is(err, ErrBusy) {
			t.Fatalf("%s: %v", when, err)
		}
	}
	busy("locked")
	for range 2 {
		db, err := l.Open()
		check(t, err)
		busy("open")
		check(t, db.Close())
		busy("closed")
		check(t, l.Remove())
		busy("removed")
	}
	check(t, l.Close())
	check(t, open(t, dir).Close())
	if !slices.ContainsFunc(entries(t, dir), func(name string) bool { return name == lockFile }) {
		t.Error("no lock is left")
	}
}

func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	check(t, err)
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}
