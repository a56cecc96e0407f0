package bench

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestDifferencesAreSeen(t *testing.T) {
	files := map[string]string{"a": "one", "d/b": "two", "run": "#!"}
	prepare := func() string {
		dir := tree(t, files)
		check(t, os.Symlink("a", filepath.Join(dir, "link")))
		check(t, os.Chmod(filepath.Join(dir, "run"), 0o755))
		check(t, os.Mkdir(filepath.Join(dir, "empty"), 0o755))
		return dir
	}
	want := prepare()
	check(t, sameTree(want, prepare()))
	for name, change := range map[string]func(dir string) error{
		"byte":    func(dir string) error { return os.WriteFile(filepath.Join(dir, "a"), []byte("onE"), 0o644) },
		"length":  func(dir string) error { return os.WriteFile(filepath.Join(dir, "d/b"), []byte("twos"), 0o644) },
		"missing": func(dir string) error { return os.Remove(filepath.Join(dir, "a")) },
		"extra":   func(dir string) error { return os.WriteFile(filepath.Join(dir, "c"), nil, 0o644) },
		"no dir":  func(dir string) error { return os.Remove(filepath.Join(dir, "empty")) },
		"mode":    func(dir string) error { return os.Chmod(filepath.Join(dir, "run"), 0o644) },
		"target":  func(dir string) error { return relink(filepath.Join(dir, "link"), "d") },
		"other sort": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "a")), os.Mkdir(filepath.Join(dir, "a"), 0o755))
		},
	} {
		got := prepare()
		check(t, change(got))
		if err := sameTree(want, got); !errors.Is(err, errDifferent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	link := filepath.Join(t.TempDir(), "latest")
	check(t, os.Symlink(prepare(), link))
	check(t, sameTree(want, link))
}

func relink(path, target string) error {
	return errors.Join(os.Remove(path), os.Symlink(target, path))
}
