package corpus

import (
	"archive/zip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/bench"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// archive makes a zip file; its files come in the order of names.
func archive(t testing.TB, names []string, data map[string]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.zip")
	f, err := os.Create(path)
	check(t, err)
	z := zip.NewWriter(f)
	for _, name := range names {
		w, err := z.Create(name)
		check(t, err)
		_, err = w.Write([]byte(data[name]))
		check(t, err)
	}
	check(t, errors.Join(z.Close(), f.Close()))
	return path
}

func TestModulesAreUnpackedAsAReleaseWas(t *testing.T) {
	data := map[string]string{"m@v1/bin/go": "\x7fELF...", "m@v1/all.bash": "#!/bin/bash", "m@v1/README": "text", "m@v1/x": ""}
	path := archive(t, []string{"m@v1/bin/go", "m@v1/all.bash", "m@v1/README", "m@v1/x"}, data)
	dir := t.TempDir()
	check(t, unpack(context.Background(), path, "m@v1/", dir, releaseTime(2)))
	for name, mode := range map[string]os.FileMode{"bin/go": 0o755, "all.bash": 0o755, "README": 0o644, "x": 0o644} {
		info, err := os.Stat(filepath.Join(dir, name))
		check(t, err)
		got, err := os.ReadFile(filepath.Join(dir, name))
		check(t, err)
		if info.Mode() != mode || !info.ModTime().Equal(releaseTime(2)) || string(got) != data["m@v1/"+name] {
			t.Errorf("%s: %v %v %q", name, info.Mode(), info.ModTime(), got)
		}
	}
}

func TestFilesOfOtherPlacesAreRefused(t *testing.T) {
	for _, name := range []string{"other@v1/a", "m@v1/../../a", "/etc/a", "m@v1/"} {
		path := archive(t, []string{name}, nil)
		dir := filepath.Join(t.TempDir(), "in")
		if err := unpack(context.Background(), path, "m@v1/", dir, releaseTime(0)); !errors.Is(err, ErrFetch) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatIsDownloadedIsWhatWasPinned(t *testing.T) {
	modules := []module{{"1", "a.example/m", "v1.0.0", "h1:good"}}
	line := `{"Path":"a.example/m","Version":"v1.0.0","Zip":"/z","Sum":"h1:good"}`
	zips, err := verified([]byte(line), modules)
	if err != nil || len(zips) != 1 || zips[0] != "/z" {
		t.Fatalf("%v, %v", zips, err)
	}
	for _, c := range []struct {
		out  string
		want error
	}{
		{strings.Replace(line, "h1:good", "h1:evil", 1), ErrChecksum},
		{strings.Replace(line, "v1.0.0", "v1.0.1", 1), ErrFetch},
		{`{"Path":"a.example/m","Version":"v1.0.0","Error":"410 Gone"}`, ErrFetch},
		{"", ErrFetch},
		{"no json", ErrFetch},
	} {
		if _, err := verified([]byte(c.out), modules); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.out, err, c.want)
		}
	}
}

func FuzzVerified(f *testing.F) {
	f.Add([]byte(`{"Path":"a","Version":"v1","Zip":"/z","Sum":"h1:good"}`))
	f.Fuzz(func(t *testing.T, out []byte) {
		zips, err := verified(out, []module{{"1", "a", "v1", "h1:good"}})
		if (err == nil) != (len(zips) == 1) {
			t.Errorf("%v and %v", zips, err)
		}
	})
}

// A module that a module cache has is taken from there, if its sum is right.
func TestModulesAreFoundInCaches(t *testing.T) {
	cacheDir := t.TempDir()
	m := module{"1", "a.example/m", "v1.0.0", "h1:good"}
	at := filepath.Join(cacheDir, "cache/download/a.example/m/@v")
	check(t, os.MkdirAll(at, 0o755))
	if got := m.find([]string{cacheDir}); got != "" {
		t.Errorf("found %s in an empty cache", got)
	}
	check(t, os.WriteFile(filepath.Join(at, "v1.0.0.zip"), nil, 0o644))
	check(t, os.WriteFile(filepath.Join(at, "v1.0.0.ziphash"), []byte("h1:evil"), 0o644))
	if got := m.find([]string{cacheDir}); got != "" {
		t.Errorf("found %s with another sum", got)
	}
	check(t, os.WriteFile(filepath.Join(at, "v1.0.0.ziphash"), []byte("h1:good\n"), 0o644))
	if got := m.find([]string{t.TempDir(), cacheDir}); got != filepath.Join(at, "v1.0.0.zip") {
		t.Errorf("found %q", got)
	}
}

// With no go command there is a clear word and no corpus, and nothing is left
// that a later run would take for one.
func TestACorpusThatCannotBeFetchedLeavesNothing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	dir := t.TempDir()
	c, err := Fetch(context.Background(), toolchains(), Options{Dir: dir})
	if !errors.Is(err, ErrFetch) || !strings.Contains(err.Error(), "go command") || c.Name != "toolchains" {
		t.Errorf("%+v, %v", c, err)
	}
	left, err := os.ReadDir(filepath.Join(dir, "corpora"))
	check(t, err)
	if len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestACorpusIsMadeOnce(t *testing.T) {
	made := 0
	s := Spec{Name: "c", About: "a corpus", Mounts: true, build: func(_ context.Context, _ *cache, dir string) error {
		made++
		for i, name := range []string{"1.0", "1.1"} {
			if err := os.MkdirAll(releaseDir(dir, i, name), 0o755); err != nil {
				return err
			}
		}
		return nil
	}}
	o := Options{Dir: t.TempDir()}
	var c bench.Corpus
	for range 2 {
		var err error
		c, err = Fetch(context.Background(), s, o)
		check(t, err)
	}
	if made != 1 || len(c.Releases) != 2 || c.Releases[0].Name != "1.0" || c.Releases[1].Dir != filepath.Join(o.Dir, "corpora/c/02-1.1") || !c.Mounts {
		t.Errorf("made %d times: %+v", made, c)
	}
}

func TestProgramsAreTakenInOrder(t *testing.T) {
	names := []string{"b", "text", "a", "empty"}
	path := archive(t, names, map[string]string{"b": "\x7fELFbb", "text": "nothing", "a": "\x7fELFa"})
	var got strings.Builder
	w := &limitedWriter{&got, 9}
	check(t, appendPrograms(context.Background(), w, path))
	if got.String() != "\x7fELFbb\x7fEL" || w.left != 0 {
		t.Errorf("%q, %d left", got.String(), w.left)
	}
}

func TestPinsAreComplete(t *testing.T) {
	for _, modules := range [][]module{adjacentToolchains(), textModules(), binaryToolchains()} {
		seen := map[string]bool{}
		for _, m := range modules {
			if !strings.HasPrefix(m.sum, "h1:") || len(m.sum) != 47 || seen[m.sum] {
				t.Errorf("%s@%s: sum %q", m.path, m.version, m.sum)
			}
			seen[m.sum] = true
		}
	}
	for _, s := range append(All(), Quick()...) {
		if s.About == "" || s.CacheBytes == 0 {
			t.Errorf("%s is not described", s.Name)
		}
		if got, err := Named([]string{s.Name}); err != nil || got[0].Name != s.Name {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	if _, err := Named([]string{"nonsense"}); !errors.Is(err, ErrUnknown) {
		t.Errorf("no such corpus: %v", err)
	}
}
