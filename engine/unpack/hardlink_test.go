package unpack

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/filter"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/source"
)

// linkTree has files of two, three and forty names, in one directory and in
// several, locked ones too.
func linkTree(t testing.TB) string {
	t.Helper()
	root := tree(t, t.TempDir(), "b/c/one=first "+strings.Repeat("0123456789", 3000), "z=second", "alone=third", "locked/in=fourth", "many/0=")
	link := func(from string, names ...string) {
		for _, name := range names {
			must(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
			must(t, os.Link(filepath.Join(root, from), filepath.Join(root, name)))
		}
	}
	link("b/c/one", "a", "b/two")
	link("z", "y\xff\n")
	link("locked/in", "later/in")
	for i := range 40 {
		link("many/0", fmt.Sprint("many/", i+1))
	}
	must(t, os.Chmod(filepath.Join(root, "z"), 0o400))
	must(t, os.Chmod(filepath.Join(root, "locked"), 0o500))
	t.Cleanup(func() { os.Chmod(filepath.Join(root, "locked"), 0o700) })
	return root
}

// linkResult is what a restore of linkTree makes.
func linkResult(t *testing.T, m *memStore, root manifest.Entry) Result {
	e, err := manifest.Resolve(t.Context(), m, root, "a")
	must(t, err)
	return Result{Files: 5, Dirs: 6, Bytes: e.Size + 6 + 5 + 6, Linked: 2 + 1 + 1 + 40}
}

func TestHardLinksComeBack(t *testing.T) {
	from := linkTree(t)
	m := newMemStore()
	root := m.dir(t, from)
	for _, workers := range []int{1, 4} {
		dest := filepath.Join(t.TempDir(), "x")
		t.Cleanup(func() { os.Chmod(filepath.Join(dest, "locked"), 0o700) })
		var files int64
		o := Options{Workers: workers, Progress: func(f, _ int64) { files = max(files, f) }}
		dry := o
		dry.DryRun, dry.Progress = true, nil
		planned, err := Tree(t.Context(), m, root, dest, dry)
		must(t, err)
		res, err := Tree(t.Context(), m, root, dest, o)
		must(t, err)
		if want := linkResult(t, m, root); res != want || planned != want {
			t.Errorf("result %+v, planned %+v, want %+v", res, planned, want)
		}
		if files != root.Summary.Files {
			t.Errorf("progress ends with %d files of %d", files, root.Summary.Files)
		}
		sameTree(t, dest, from)
	}
}

func TestHardLinksComeBackFromTar(t *testing.T) {
	from := linkTree(t)
	m := newMemStore()
	root := m.dir(t, from)
	var b bytes.Buffer
	res, err := Tar(t.Context(), m, root, &b, Options{})
	must(t, err)
	if want := linkResult(t, m, root); res.Files != want.Files || res.Linked != want.Linked || res.Bytes != want.Bytes {
		t.Errorf("result %+v, want %+v", res, want)
	}
	if b.Len() > 120_000 {
		t.Errorf("%d bytes of archive: a file is in it twice", b.Len())
	}
	stream := b.Bytes()
	in, links := tar.NewReader(bytes.NewReader(stream)), map[string]string{}
	for h, err := in.Next(); err != io.EOF; h, err = in.Next() {
		must(t, err)
		if h.Typeflag == tar.TypeLink {
			links[h.Name] = h.Linkname
		}
	}
	if links["b/two"] != "a" || links["z"] != "y\xff\n" || int64(len(links)) != res.Linked {
		t.Errorf("links %q", links)
	}
	back := m.ingest(t, source.Tar(&b, source.Options{}))
	if back.Tree != root.Tree || back.Attr.Tree != root.Attr.Tree {
		t.Error("the stream does not have the same content and attributes ids")
	}
}

// TestFirstNameLeftOutIsNoLoss: whatever the filter leaves, the first of it is
// written and the others are linked to that.
func TestFirstNameLeftOutIsNoLoss(t *testing.T) {
	m := newMemStore()
	root := m.dir(t, linkTree(t))
	f, err := filter.New(filter.Options{Include: []string{"/b/", "/z"}})
	must(t, err)
	dest := t.TempDir()
	res, err := Tree(t.Context(), m, root, dest, Options{Filter: f})
	must(t, err)
	if res.Files != 2 || res.Linked != 1 {
		t.Errorf("result %+v", res)
	}
	if got := linked(t, dest, "b/two", "b/c/one"); !got {
		t.Error("two names of one file are two files")
	}
	if b, err := os.ReadFile(filepath.Join(dest, "z")); err != nil || string(b) != "second" {
		t.Errorf("z is %q, %v", b, err)
	}
}

func linked(t *testing.T, dir, a, b string) bool {
	t.Helper()
	var x, y syscall.Stat_t
	must(t, syscall.Lstat(filepath.Join(dir, a), &x))
	must(t, syscall.Lstat(filepath.Join(dir, b), &y))
	return x.Ino == y.Ino
}

// TestHardLinksUnderEveryPolicy restores over what an older version, an
// interrupted run or a copy has left.
func TestHardLinksUnderEveryPolicy(t *testing.T) {
	m := newMemStore()
	from := tree(t, t.TempDir(), "a=text", "c=text")
	must(t, os.Link(filepath.Join(from, "a"), filepath.Join(from, "b")))
	must(t, os.Link(filepath.Join(from, "c"), filepath.Join(from, "d")))
	root := m.dir(t, from)
	// restored makes a destination in which all is right.
	restored := func(t *testing.T) string {
		dest := t.TempDir()
		_, err := Tree(t.Context(), m, root, dest, Options{})
		must(t, err)
		return dest
	}
	at := func(dest, name string) string { return filepath.Join(dest, name) }
	copied := func(t *testing.T, dest, name string) { // the same file, but not the same inode
		b, err := os.ReadFile(at(dest, name))
		must(t, err)
		info, err := os.Stat(at(dest, name))
		must(t, err)
		must(t, os.Remove(at(dest, name)))
		must(t, os.WriteFile(at(dest, name), b, 0o644))
		must(t, os.Chtimes(at(dest, name), info.ModTime(), info.ModTime()))
	}
	for name, c := range map[string]struct {
		o      Options
		before func(t *testing.T, dest string)
		want   Result
		err    error
	}{
		"changed, all there":      {Options{Overwrite: Changed}, nil, Result{Skipped: 4}, nil},
		"resume, all there":       {Options{Resume: true}, nil, Result{Skipped: 4}, nil},
		"always, all there":       {Options{Overwrite: Always}, nil, Result{Files: 2, Bytes: 8, Linked: 2}, nil},
		"resume, second missing":  {Options{Resume: true}, func(t *testing.T, d string) { must(t, os.Remove(at(d, "b"))) }, Result{Skipped: 3, Linked: 1}, nil},
		"changed, first missing":  {Options{Overwrite: Changed}, func(t *testing.T, d string) { must(t, os.Remove(at(d, "a"))) }, Result{Files: 1, Bytes: 4, Skipped: 2, Linked: 1}, nil},
		"changed, second a copy":  {Options{Overwrite: Changed}, func(t *testing.T, d string) { copied(t, d, "b") }, Result{Skipped: 3, Linked: 1}, nil},
		"resume, second a copy":   {Options{Resume: true}, func(t *testing.T, d string) { copied(t, d, "b") }, Result{Skipped: 4}, nil},
		"resume, first different": {Options{Resume: true}, func(t *testing.T, d string) { copied(t, d, "a"); must(t, os.WriteFile(at(d, "a"), []byte("mine"), 0)) }, Result{Skipped: 3}, ErrExists},
		"changed, second a directory": {Options{Overwrite: Changed}, func(t *testing.T, d string) {
			must(t, os.Remove(at(d, "b")))
			tree(t, d, "b/precious=1")
		}, Result{Skipped: 3}, ErrExists},
		"changed and delete, second a directory": {Options{Overwrite: Changed, Delete: true}, func(t *testing.T, d string) {
			must(t, os.Remove(at(d, "b")))
			tree(t, d, "b/x=1")
		}, Result{Skipped: 3, Linked: 1}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dest := restored(t)
			if c.before != nil {
				c.before(t, dest)
			}
			for _, dry := range []bool{true, false} {
				o := c.o
				o.DryRun = dry
				res, err := Tree(t.Context(), m, root, dest, o)
				if !errors.Is(err, c.err) || c.err == nil && err != nil {
					t.Fatalf("dry %v: %v", dry, err)
				}
				if res != c.want {
					t.Errorf("dry %v: %+v, want %+v", dry, res, c.want)
				}
			}
			if c.err == nil && !c.o.Resume && !(linked(t, dest, "a", "b") && linked(t, dest, "c", "d")) {
				t.Error("two names of one file are two files")
			}
			if linked(t, dest, "a", "c") {
				t.Error("two files are one")
			}
			entries, err := os.ReadDir(dest)
			must(t, err)
			if len(entries) != 4 {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
}

// TestSwappedFirstNameIsNotLinkedTo: between two names somebody puts a link to
// a precious file, or another directory, where the first one was.
func TestSwappedFirstNameIsNotLinkedTo(t *testing.T) {
	from := tree(t, t.TempDir(), "a/first=text", "n=between", "n2=waits for n", "z=last")
	must(t, os.Link(filepath.Join(from, "a/first"), filepath.Join(from, "o")))
	for what, swap := range map[string]func(dest, outside string) error{
		"a link for the file": func(dest, outside string) error {
			return errors.Join(os.Remove(dest+"/a/first"), os.Symlink(outside+"/first", dest+"/a/first"))
		},
		"a link for the directory": func(dest, outside string) error {
			return errors.Join(os.Rename(dest+"/a", dest+"/moved"), os.Symlink(outside, dest+"/a"))
		},
		"another file": func(dest, _ string) error {
			return errors.Join(os.Rename(dest+"/a/first", dest+"/a/moved"), os.WriteFile(dest+"/a/first", []byte("fake"), 0o600))
		},
		"nothing": func(dest, _ string) error { return os.Remove(dest + "/a/first") },
	} {
		m := newMemStore()
		root := m.dir(t, from)
		outside, dest := tree(t, t.TempDir(), "first=precious"), t.TempDir()
		between := chunker.Sum([]byte("between"))
		swapped := false
		m.onChunk = func(_ chunker.Kind, id chunker.ID) error {
			if id == between && !swapped {
				swapped = true
				return swap(dest, outside)
			}
			return nil
		}
		res, err := Tree(t.Context(), m, root, dest, Options{Workers: 1})
		must(t, err)
		if b, err := os.ReadFile(filepath.Join(dest, "o")); err != nil || string(b) != "text" {
			t.Errorf("%s: o is %q, %v", what, b, err)
		}
		if res.Files != 5 || res.Linked != 0 {
			t.Errorf("%s: %+v", what, res)
		}
		if b, err := os.ReadFile(filepath.Join(outside, "first")); err != nil || string(b) != "precious" {
			t.Errorf("%s: the file outside is %q, %v", what, b, err)
		}
	}
}

// TestGroupThatLiesIsNotLinked: a manifest may claim that two files are one.
func TestGroupThatLiesIsNotLinked(t *testing.T) {
	m := newMemStore()
	b := manifest.NewBuilder(m)
	must(t, b.Enter(t.Context(), manifest.Entry{Kind: manifest.Dir, Attr: manifest.Attr{Mode: 0o755}}))
	for _, text := range []string{"one", "two"} {
		must(t, b.Add(t.Context(), manifest.Entry{
			Name: text, Kind: manifest.File, Size: 3,
			Content: manifest.Content{Segments: []manifest.Segment{{ID: m.put(chunker.Data, []byte(text)), Length: 3}}},
			Attr:    manifest.Attr{Mode: 0o644, Links: manifest.Links{Group: manifest.LinkGroup("one"), Count: 2}},
		}))
	}
	must(t, b.Leave(t.Context()))
	_, root, err := b.Root()
	must(t, err)
	dest := t.TempDir()
	_, err = Tree(t.Context(), m, root, dest, Options{})
	must(t, err)
	for _, name := range []string{"one", "two"} {
		if b, err := os.ReadFile(filepath.Join(dest, name)); err != nil || string(b) != name {
			t.Errorf("%s is %q, %v", name, b, err)
		}
	}
}

func TestWhatForbidsLinksIsCopied(t *testing.T) {
	for _, err := range []error{syscall.EXDEV, syscall.EMLINK, syscall.EPERM} {
		if !notLinkable(&os.PathError{Op: "link", Err: err}) {
			t.Errorf("%v is final", err)
		}
	}
	for _, err := range []error{nil, syscall.ENOSPC, syscall.EIO, syscall.EROFS} {
		if notLinkable(err) {
			t.Errorf("%v is not final", err)
		}
	}
}
