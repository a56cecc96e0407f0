package manifest

import (
	"errors"
	"io/fs"
	"reflect"
	"slices"
	"testing"
)

func TestResolveFindsEveryPath(t *testing.T) {
	store := newMemStore()
	model := newFiles(t, store, 16).random(40, 3)
	_, root := model.build(t, store)
	check(t, Walk(t.Context(), store, root, func(path string, e Entry) error {
		if got := must[Entry](t)(Resolve(t.Context(), store, root, path)); !reflect.DeepEqual(got, e) {
			t.Fatalf("Resolve(%q) = %+v, want %+v", path, got, e)
		}
		return nil
	}))
}

// sample is a/ (b, c/ (d), l → c), e.
func sample(t *testing.T, store *memStore) Entry {
	f := newFiles(t, store, 17)
	a, c, root := newDir(f.attr()), newDir(f.attr()), newDir(f.attr())
	c.names["d"] = f.file(1)
	a.names["b"], a.names["c"], a.names["l"] = f.file(1), c, f.symlink("c")
	root.names["a"], root.names["e"] = a, f.file(0)
	_, e := root.build(t, store)
	return e
}

func TestResolveNeverGoesThroughFilesOrSymlinks(t *testing.T) {
	store := newMemStore()
	root := sample(t, store)
	for path, want := range map[string]error{
		"a/b/x": ErrNotDir, "a/l/d": ErrNotDir, "a/x": fs.ErrNotExist, "/a": fs.ErrNotExist, "a/": fs.ErrNotExist,
		"a//b": fs.ErrNotExist, "a/../e": fs.ErrNotExist, ".": fs.ErrNotExist,
	} {
		if _, err := Resolve(t.Context(), store, root, path); !errors.Is(err, want) {
			t.Errorf("Resolve(%q): %v, want %v", path, err, want)
		}
	}
}

func TestWalkHonoursSkips(t *testing.T) {
	store := newMemStore()
	root := sample(t, store)
	stop := errors.New("stop")
	for _, c := range []struct {
		at   string
		ret  error
		want []string
		err  error
	}{
		{"none", nil, []string{"", "a", "a/b", "a/c", "a/c/d", "a/l", "e"}, nil},
		{"a/c", fs.SkipDir, []string{"", "a", "a/b", "a/c", "a/l", "e"}, nil},
		{"a/b", fs.SkipDir, []string{"", "a", "a/b", "e"}, nil},
		{"", fs.SkipDir, []string{""}, nil},
		{"a/c", fs.SkipAll, []string{"", "a", "a/b", "a/c"}, nil},
		{"a/c", stop, []string{"", "a", "a/b", "a/c"}, stop},
	} {
		var got []string
		err := Walk(t.Context(), store, root, func(path string, _ Entry) error {
			got = append(got, path)
			if path == c.at {
				return c.ret
			}
			return nil
		})
		if !slices.Equal(got, c.want) || err != c.err {
			t.Errorf("%v at %q: walked %q, error %v", c.ret, c.at, got, err)
		}
	}
}

func TestWalkOfAFileIsThatFile(t *testing.T) {
	store := newMemStore()
	e := must[Entry](t)(Resolve(t.Context(), store, sample(t, store), "a/b"))
	calls := 0
	check(t, Walk(t.Context(), store, e, func(path string, got Entry) error {
		if calls++; path != "" || !reflect.DeepEqual(got, e) {
			t.Errorf("walked %q %+v", path, got)
		}
		return nil
	}))
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
}
