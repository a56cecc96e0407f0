package localfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/backendtest"
)

func newStore(t *testing.T) *Store {
	t.Helper()
	return newStoreOn(t, osDisk{})
}

func newStoreOn(t *testing.T, d disk) *Store {
	t.Helper()
	s, err := open(t.TempDir(), Options{}, d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustPut(t *testing.T, s backends.Store, key, text string) {
	t.Helper()
	if err := s.Put(t.Context(), key, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
}

func TestContract(t *testing.T) {
	backendtest.TestStore(t, func(t *testing.T) backends.Store { return newStore(t) })
}

func TestObjectsBitByBit(t *testing.T) {
	backendtest.TestAppender(t, func(t *testing.T) backends.Store {
		s := newStore(t)
		t.Cleanup(func() { wantNoTemp(t, s) })
		return s
	})
}

func TestCreateMakesAllThatIsMissing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b", "store")
	for range 2 { // a directory that is there is no error
		if err := Create(dir); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("the store's directory: %v, %v, want mode 0700", info, err)
	}
	s, err := Open(dir, Options{})
	if err != nil || s.Dir() != dir {
		t.Fatalf("Open: %v, want the directory %s", err, dir)
	}
}

func TestCreateSyncsWhatItMakes(t *testing.T) {
	top := t.TempDir()
	d := &recorder{disk: osDisk{}, root: top}
	if err := create(filepath.Join(top, "a/b"), d); err != nil {
		t.Fatal(err)
	}
	d.want(t, "mkdir a/b: fails", "mkdir a", "syncdir .", "mkdir a/b", "syncdir a")
}

func TestCreateAndOpenRefuseFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Create(path); err == nil {
		t.Error("Create takes a file")
	}
	if _, err := Open(path, Options{}); err == nil {
		t.Error("Open takes a file")
	}
}

func TestOpenOfNothing(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none"), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open gives %v, want fs.ErrNotExist", err)
	}
}

func TestOpenSurvivesAChangeOfDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("store", 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := Open("store", Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	mustPut(t, s, "a", "content")
}

func TestObjectsAreReadOnlyFilesUnderTheirKeys(t *testing.T) {
	s := newStore(t)
	mustPut(t, s, "packs/ab/abcd", "content")
	path := filepath.Join(s.Dir(), "packs/ab/abcd")
	if b, err := os.ReadFile(path); err != nil || string(b) != "content" {
		t.Errorf("the object's file holds %q, %v", b, err)
	}
	for p, want := range map[string]fs.FileMode{path: 0o400, filepath.Dir(path): 0o700 | fs.ModeDir} {
		if info, err := os.Lstat(p); err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v, %v, want %v", p, info.Mode(), err, want)
		}
	}
}

func TestReservedNamesAreNoKeys(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	for _, key := range []string{"tmp", "tmp/x", "index", "index/x/y"} {
		_, getErr := s.Get(ctx, key, 0, -1)
		_, statErr := s.Stat(ctx, key)
		for _, err := range []error{s.Put(ctx, key, strings.NewReader("")), getErr, statErr, s.Delete(ctx, key)} {
			if !errors.Is(err, backends.ErrBadKey) {
				t.Errorf("%s: %v, want ErrBadKey", key, err)
			}
		}
	}
	mustPut(t, s, "a/tmp/index", "deeper down they are names like others")
}

func TestStoreThatIsGoneIsUnavailable(t *testing.T) {
	check := func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, getErr := s.Get(ctx, "dir/a", 0, -1)
		_, statErr := s.Stat(ctx, "dir/a")
		var listErr, listDirErr error
		for _, listErr = range s.List(ctx, "") {
		}
		for _, listDirErr = range s.List(ctx, "dir/") {
		}
		for op, err := range map[string]error{
			"Put": s.Put(ctx, "dir/a", strings.NewReader("")), "Get": getErr, "Stat": statErr,
			"List": listErr, "List dir/": listDirErr, "Delete": s.Delete(ctx, "dir/a"),
		} {
			if !errors.Is(err, backends.ErrUnavailable) || errors.Is(err, backends.ErrNotExist) || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s gives %v, want ErrUnavailable", op, err)
			}
		}
	}
	t.Run("removed", func(t *testing.T) {
		s := newStore(t)
		mustPut(t, s, "dir/a", "")
		if err := os.RemoveAll(s.dir); err != nil {
			t.Fatal(err)
		}
		check(t, s)
	})
	t.Run("unmounted", func(t *testing.T) {
		s := newStore(t)
		s.device++
		check(t, s)
	})
}

func Example() {
	top, err := os.MkdirTemp("", "localfs")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(top)

	dir := filepath.Join(top, "store")
	if err := Create(dir); err != nil {
		fmt.Println(err)
		return
	}
	s, err := Open(dir, Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	for _, key := range []string{"log/2", "log/1", "config"} {
		if err := s.Put(ctx, key, strings.NewReader("content of "+key)); err != nil {
			fmt.Println(err)
		}
	}
	for info, err := range s.List(ctx, "log/") {
		fmt.Println(info.Key, info.Size, err)
	}
	r, err := s.Get(ctx, "config", 11, -1)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	fmt.Println(string(b), err)
	// Output:
	// log/1 16 <nil>
	// log/2 16 <nil>
	// config <nil>
}
