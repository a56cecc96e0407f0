package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/zeebo/blake3"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
)

// hugeFileSize is the size of the files, in bytes.
func hugeFileSize() int64 {
	if soaking() {
		return 20 << 30
	}
	return 64 << 20
}

// stretches is how many stretches of data a sparse file has.
const stretches = 64

// sparseFile makes a file of size bytes, holes but for stretches of random
// bytes that begin and end anywhere.
func sparseFile(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	r := rand.NewChaCha8([32]byte{1})
	rest := rand.New(r)
	for i := range int64(stretches) {
		b := make([]byte, 1+rest.IntN(100_000))
		_, _ = r.Read(b) // it never fails
		if _, err := f.WriteAt(b, i*size/stretches+rest.Int64N(size/stretches-int64(len(b)))); err != nil {
			t.Fatal(err)
		}
	}
}

// denseFile makes a file of size bytes without holes: random bytes, of which
// some stretches come again later.
func denseFile(t *testing.T, path string, size int64) {
	t.Helper()
	const stretch = 1 << 20
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	order, b := rand.New(rand.NewPCG(3, 4)), make([]byte, stretch)
	for i := range uint64(size / stretch) {
		seed := [32]byte{0: byte(i), 1: byte(i >> 8), 2: byte(i >> 16)}
		if i > 0 && order.IntN(3) == 0 {
			again := order.Uint64N(i)
			seed = [32]byte{0: byte(again), 1: byte(again >> 8), 2: byte(again >> 16)}
		}
		_, _ = rand.NewChaCha8(seed).Read(b) // it never fails
		if _, err := f.Write(b); err != nil {
			t.Fatal(err)
		}
	}
}

// onDisk is how many bytes a file takes there.
func onDisk(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatal("the system does not say what a file takes")
	}
	return s.Blocks * 512
}

func fileSum(t *testing.T, path string) [32]byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := blake3.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, f, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	return [32]byte(h.Sum(nil))
}

func TestAHugeSparseFileStaysSparse(t *testing.T) {
	m := newMeter(t, "sparse")
	src := filepath.Join(t.TempDir(), "file")
	sparseFile(t, src, hugeFileSize())
	want, taken := fileSum(t, src), onDisk(t, src)
	dest := m.hugeFile(src, want)
	// A chunk is a hole or not, so each stretch may grow by one at both ends.
	if got, most := onDisk(t, dest), taken+2*stretches*int64(chunker.DefaultParams.Max); got > most {
		t.Errorf("the restored file takes %d bytes on disk, the original %d; want at most %d", got, taken, most)
	}
}

func TestAHugeDenseFileTakesLittleMemory(t *testing.T) {
	m := newMeter(t, "dense")
	src := filepath.Join(t.TempDir(), "file")
	denseFile(t, src, hugeFileSize())
	m.hugeFile(src, fileSum(t, src))
}

func TestTheLeastMemoryIsEnoughForALargeFile(t *testing.T) {
	m := newMeter(t, "least")
	m.memory = engine.MemoryMin
	src := filepath.Join(t.TempDir(), "file")
	denseFile(t, src, hugeFileSize()/10>>20<<20)
	m.hugeFile(src, fileSum(t, src))
}

// hugeFile takes a file through every verb, and away to save space. It returns
// where it was restored to.
func (m *meter) hugeFile(src string, want [32]byte) (restored string) {
	m.t.Helper()
	dir := filepath.Dir(src)
	m.run("ingest", dir, "huge/file@1")
	m.run("diff", "--exit-code", "huge/file@1", dir)
	if err := os.Remove(src); err != nil {
		m.t.Fatal(err)
	}
	m.run("ls", "-R", "huge/file@1")
	m.run("verify")
	m.run("verify", "--read-data")
	m.run("index", "rebuild")
	m.catSum(want)
	if canMount(m.t) {
		mm := m.mount("huge/file@1")
		file := filepath.Join(mm.dir, "file")
		mm.do("read all", func() error {
			if fileSum(m.t, file) != want {
				return fmt.Errorf("other bytes")
			}
			return nil
		})
		mm.do("read anywhere", func() error { return readAnywhere(file) })
		mm.end()
	}
	dest := filepath.Join(m.t.TempDir(), "dest")
	m.run("restore", "huge/file@1", dest)
	restored = filepath.Join(dest, "file")
	if fileSum(m.t, restored) != want {
		m.t.Error("the restored file has other bytes")
	}
	return restored
}

func (m *meter) catSum(want [32]byte) {
	m.t.Helper()
	h := blake3.New()
	m.pipe(nil, h, "cat", "huge/file@1:file")
	if [32]byte(h.Sum(nil)) != want {
		m.t.Error("cat prints other bytes")
	}
}

func readAnywhere(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	b := make([]byte, 4096)
	for range 500 {
		if _, err := f.ReadAt(b, rand.Int64N(info.Size()-int64(len(b)))); err != nil {
			return err
		}
	}
	return nil
}
