package localfs

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/mem"
)

func keys(t *testing.T, s backends.Store, prefix string) []string {
	t.Helper()
	var got []string
	for info, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, info.Key)
	}
	return got
}

func TestListShowsObjectsOnly(t *testing.T) {
	s := newStore(t)
	mustPut(t, s, "config", "")
	mustPut(t, s, "dir/object", "")
	for _, p := range []string{"tmp/left", "index/000001.log", ".hidden", "dir/.nfs0001", "lost+found/x", "dir/white space"} {
		path := filepath.Join(s.dir, p)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := keys(t, s, ""), []string{"config", "dir/object"}; !slices.Equal(got, want) {
		t.Errorf("List gives %q, want %q", got, want)
	}
	for _, prefix := range []string{"tmp", "tmp/", "tmp/l", "index/", ".h", "../"} {
		if got := keys(t, s, prefix); got != nil {
			t.Errorf("List(%q) gives %q, want nothing", prefix, got)
		}
	}
}

func TestListOfADirectoryLargerThanOneBatch(t *testing.T) {
	s := newStore(t)
	if err := os.Mkdir(s.path("log"), 0o700); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 2*dirBatch + 1 {
		key := fmt.Sprintf("log/%020d", i)
		if err := os.WriteFile(s.path(key), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		want = append(want, key)
	}
	if got := keys(t, s, "log/"); !slices.Equal(got, want) {
		t.Errorf("List gives %d keys, want %d in order", len(got), len(want))
	}
}

// The reference sorts whole keys; this package sorts directory by directory.
func TestListAgreesWithTheReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	s, ref := newStore(t), mem.New()
	var prefixes []string
	for range 60 {
		key := randomKey(rng)
		if _, err := os.Lstat(s.path(key)); err == nil || isBelowObject(s, key) {
			continue // taken, a directory, or below an object
		}
		if err := os.MkdirAll(filepath.Dir(s.path(key)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.path(key), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		mustPut(t, ref, key, "")
		prefixes = append(prefixes, key, key[:rng.IntN(len(key))])
	}
	for _, prefix := range prefixes {
		if got, want := keys(t, s, prefix), keys(t, ref, prefix); !slices.Equal(got, want) {
			t.Errorf("List(%q) gives\n%q, want\n%q", prefix, got, want)
		}
	}
}

// randomKey uses few letters, so that keys meet, among them those that sort
// before and after '/'.
func randomKey(rng *rand.Rand) string {
	const letters = "a-.0A_"
	segs := make([]string, 1+rng.IntN(4))
	for i := range segs {
		segs[i] = "a"
		for range rng.IntN(3) {
			segs[i] += string(letters[rng.IntN(len(letters))])
		}
	}
	return strings.Join(segs, "/")
}

func isBelowObject(s *Store, key string) bool {
	for dir := keyDir(key); dir != ""; dir = keyDir(dir) {
		if info, err := os.Lstat(s.path(dir)); err == nil && !info.IsDir() {
			return true
		}
	}
	return false
}
