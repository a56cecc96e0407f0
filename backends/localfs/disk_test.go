package localfs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// recorder writes down what is done to the disk. fail, if set, is asked before
// each step, and its error is the step's.
type recorder struct {
	disk
	root string
	fail func(step string) error

	mu    sync.Mutex
	steps []string
}

// do runs a step and records it, "fails" included. Temporary names are random;
// they are all called "tmp/*".
func (r *recorder) do(op string, paths []string, step func() error) error {
	for i, p := range paths {
		rel, err := filepath.Rel(r.root, filepath.Clean(p))
		if err != nil {
			return err
		}
		if strings.HasPrefix(rel, "tmp/") {
			rel = "tmp/*"
		}
		paths[i] = rel
	}
	text := op + " " + strings.Join(paths, " ")
	err := error(nil)
	if r.fail != nil {
		err = r.fail(text)
	}
	if err == nil {
		err = step()
	}
	if err != nil {
		text += ": fails"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = append(r.steps, text)
	return err
}

func (r *recorder) want(t *testing.T, steps ...string) {
	t.Helper()
	if !slices.Equal(r.steps, steps) {
		t.Errorf("steps:\n\t%s\nwant:\n\t%s", strings.Join(r.steps, "\n\t"), strings.Join(steps, "\n\t"))
	}
	r.steps = nil
}

func (r *recorder) Create(path string) (f file, err error) {
	err = r.do("create", []string{path}, func() error { f, err = r.disk.Create(path); return err })
	return &recordedFile{f, r, path}, err
}

func (r *recorder) Link(old, new string) error {
	return r.do("link", []string{old, new}, func() error { return r.disk.Link(old, new) })
}

func (r *recorder) Rename(old, new string) error {
	return r.do("rename", []string{old, new}, func() error { return r.disk.Rename(old, new) })
}

func (r *recorder) Mkdir(path string) error {
	return r.do("mkdir", []string{path}, func() error { return r.disk.Mkdir(path) })
}

func (r *recorder) SyncDir(path string) error {
	return r.do("syncdir", []string{path}, func() error { return r.disk.SyncDir(path) })
}

func (r *recorder) Remove(path string) error {
	return r.do("remove", []string{path}, func() error { return r.disk.Remove(path) })
}

// Type is no step: it changes nothing.
func (r *recorder) Type(path string) (string, error) { return r.disk.Type(path) }

type recordedFile struct {
	file
	r    *recorder
	path string
}

func (f *recordedFile) Write(p []byte) (n int, err error) {
	err = f.r.do("write", []string{f.path}, func() error { n, err = f.file.Write(p); return err })
	return n, err
}

// Flush cannot fail.
func (f *recordedFile) Flush(off, n int64) {
	_ = f.r.do("flush", []string{f.path}, func() error { f.file.Flush(off, n); return nil })
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	f.r.steps[len(f.r.steps)-1] += fmt.Sprintf(" %d %d", off, n)
}

func (f *recordedFile) Sync() error { return f.r.do("sync", []string{f.path}, f.file.Sync) }

// Close is no step: nothing depends on when it happens.
func (f *recordedFile) Close() error { return f.file.Close() }

// failOn makes the steps that begin with prefix fail with err.
func failOn(prefix string, err error) func(string) error {
	return func(step string) error {
		if strings.HasPrefix(step, prefix) {
			return fmt.Errorf("%s: %w", step, err)
		}
		return nil
	}
}

func TestRenameReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, p := range []string{a, b} {
		if err := os.WriteFile(p, []byte(p), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := osDisk{}.Rename(a, b)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this system cannot rename without replacing")
	}
	if !errors.Is(err, os.ErrExist) {
		t.Errorf("Rename onto a file gives %v, want os.ErrExist", err)
	}
	if got, err := os.ReadFile(b); err != nil || string(got) != b {
		t.Errorf("the file holds %q, %v", got, err)
	}
	if err := (osDisk{}).Rename(a, b+"2"); err != nil {
		t.Errorf("Rename to a free name: %v", err)
	}
}

func TestRemoveLeavesEmptyDirectories(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := (osDisk{}).Remove(dir); err == nil {
		t.Error("Remove of a directory gives no error")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
}
