package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/artifortress/afs-engine/engine"
)

// hugeTree is many files, each with other bytes.
type hugeTree struct {
	files  int
	perDir int // 0: all in one directory
}

// path is the i-th file's path. Equal names in all directories would be
// simpler than life.
func (h hugeTree) path(i int) string {
	if h.perDir == 0 {
		return fmt.Sprintf("file-%07d.txt", i)
	}
	d := i / h.perDir
	return fmt.Sprintf("%03d/dir-%06d/file-%07d.txt", d/1000, d, i)
}

func (h hugeTree) content(i int) string { return fmt.Sprintf("this is file %d of many\n", i) }

// write makes the tree.
func (h hugeTree) write(t *testing.T, dir string) {
	t.Helper()
	last := ""
	for i := range h.files {
		path := filepath.Join(dir, h.path(i))
		if d := filepath.Dir(path); d != last {
			if err := os.MkdirAll(d, 0o755); err != nil {
				t.Fatal(err)
			}
			last = d
		}
		write(t, path, h.content(i))
	}
}

// tar writes the tree as a stream whose entries come in no order at all.
func (h hugeTree) tar(w io.Writer) error {
	out := tar.NewWriter(w)
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(h.files) {
		body := h.content(i)
		err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: h.path(i), Mode: 0o644, Size: int64(len(body))})
		if err != nil {
			return err
		}
		if _, err := io.WriteString(out, body); err != nil {
			return err
		}
	}
	return out.Close()
}

// count finds the files below dir by their names alone.
func (h hugeTree) count(dir string) error {
	n := 0
	err := eachName(dir, func(path string, d fs.DirEntry) error {
		if !d.IsDir() {
			n++
		}
		return nil
	})
	if err == nil && n != h.files {
		err = fmt.Errorf("%d files, want %d", n, h.files)
	}
	return err
}

// stat asks for the attributes of every file below dir, of several at a time.
func (h hugeTree) stat(dir string) error {
	n := 0
	var group errgroup.Group
	group.SetLimit(8)
	err := eachName(dir, func(path string, d fs.DirEntry) error {
		if d.IsDir() {
			return nil
		}
		n++
		group.Go(func() error {
			info, err := os.Lstat(path)
			if err == nil && info.Size() == 0 {
				err = fmt.Errorf("%s is empty", path)
			}
			return err
		})
		return nil
	})
	if err == nil && n != h.files {
		err = fmt.Errorf("%d files, want %d", n, h.files)
	}
	return errors.Join(err, group.Wait())
}

// read reads every step-th file below dir.
func (h hugeTree) read(dir string, step int) error {
	for i := 0; i < h.files; i += step {
		b, err := os.ReadFile(filepath.Join(dir, h.path(i)))
		if err == nil && string(b) != h.content(i) {
			err = fmt.Errorf("%s holds %q", h.path(i), b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// eachName is filepath.WalkDir, but for holding a whole directory.
func eachName(dir string, f func(path string, d fs.DirEntry) error) error {
	open, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer open.Close()
	for {
		names, err := open.ReadDir(1000)
		for _, d := range names {
			path := filepath.Join(dir, d.Name())
			if err := f(path, d); err != nil {
				return err
			}
			if !d.IsDir() {
				continue
			}
			if err := eachName(path, f); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// hugeFiles is how many files the trees have.
func hugeFiles() int {
	if soaking() {
		return 1_000_000
	}
	return 20_000
}

// oneDirectory and manyDirectories are the two shapes.
func oneDirectory() hugeTree { return hugeTree{files: hugeFiles()} }

func manyDirectories() hugeTree {
	h := hugeTree{files: hugeFiles(), perDir: 10}
	if !soaking() {
		h.files /= 4 // directories take their time
	}
	return h
}

func TestAHugeDirectoryTakesLittleMemory(t *testing.T) { hugeTreeVerbs(t, "flat", oneDirectory()) }

func TestManyDirectoriesTakeLittleMemory(t *testing.T) { hugeTreeVerbs(t, "nested", manyDirectories()) }

// TestManyFilesObeyALittleMemory takes a tree in, then the same paths with all
// contents changed, then those as a stream, with the least memory there is.
func TestManyFilesObeyALittleMemory(t *testing.T) {
	m, h := newMeter(t, "little"), manyDirectories()
	m.memory = engine.MemoryMin
	src := filepath.Join(t.TempDir(), "src")
	h.write(t, src)
	m.run("ingest", src, "huge/tree@1")
	for i := range h.files {
		write(t, filepath.Join(src, h.path(i)), h.content(i+h.files))
	}
	m.run("ingest", src, "huge/tree@2")
	r, w := io.Pipe()
	defer r.Close()
	go func() { w.CloseWithError(h.tar(w)) }()
	m.runOn(r, "ingest", "-", "huge/tar@1")
}

func hugeTreeVerbs(t *testing.T, name string, h hugeTree) {
	m := newMeter(t, name)
	src := filepath.Join(t.TempDir(), "src")
	h.write(t, src)
	m.run("estimate", src)
	m.run("ingest", src, "huge/tree@1")

	changed := []int{0, h.files / 2, h.files - 1}
	for _, i := range changed {
		write(t, filepath.Join(src, h.path(i)), "changed\n")
	}
	m.run("ingest", src, "huge/tree@2")
	if n := m.run("diff", "--no-attrs", "huge/tree@1", "huge/tree@2"); n != len(changed) {
		t.Errorf("diff lists %d paths, want %d", n, len(changed))
	}
	if n := m.run("diff", "--no-attrs", "huge/tree@1", src); n != len(changed) {
		t.Errorf("diff with the directory lists %d paths, want %d", n, len(changed))
	}
	if n := m.run("ls", "-R", "huge/tree@1"); n < h.files {
		t.Errorf("ls -R lists %d paths of at least %d", n, h.files)
	}
	m.run("ls", "huge/tree@1")
	m.run("verify")
	m.run("verify", "--read-data")
	m.run("index", "rebuild")
	m.browse(h, "huge/tree@1")
	dest := filepath.Join(t.TempDir(), "dest")
	m.run("restore", "huge/tree@2", dest)
	m.run("diff", "--exit-code", "huge/tree@2", dest)
	expectNone(t, h.count(dest))
	m.pipe(nil, io.Discard, "restore", "huge/tree@2", "-")
}

func expectNone(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// browse looks at a version of the tree through a mount.
func (m *meter) browse(h hugeTree, ref string) {
	if !canMount(m.t) {
		return
	}
	mm := m.mount(ref)
	dir := mm.dir
	mm.do("names", func() error { return h.count(dir) })
	mm.do("stat", func() error { return h.stat(dir) })
	mm.do("read some", func() error { return h.read(dir, 50) })
	mm.end()
}

func TestAHugeUnsortedTarTakesLittleMemory(t *testing.T) {
	for name, h := range map[string]hugeTree{"tar": oneDirectory(), "tar nested": manyDirectories()} {
		t.Run(name, func(t *testing.T) {
			m := newMeter(t, name)
			r, w := io.Pipe()
			defer r.Close()
			go func() { w.CloseWithError(h.tar(w)) }()
			m.runOn(r, "ingest", "-", "huge/tar@1")
			m.run("verify")
			if n := m.run("ls", "-R", "huge/tar@1"); n < h.files {
				t.Errorf("ls -R lists %d paths of at least %d", n, h.files)
			}
		})
	}
}
