package chunker_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jotfs/fastcdc-go"
	"github.com/zeebo/blake3"

	"github.com/artifortress/afs-engine/chunker"
)

// benchBytes is more than the caches that belong to one core.
const benchBytes = 64 << 20

// goBinaries is benchBytes of what the Go release that runs this is made of:
// machine code, tables, symbols. Other releases have other bytes.
func goBinaries(b *testing.B) (data []byte) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		b.Skip("where the Go release is: ", err)
	}
	tools, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(root)), "pkg", "tool", "*", "*"))
	for _, name := range tools {
		var one []byte
		if one, err = os.ReadFile(name); err != nil {
			break
		}
		data = append(data, one...)
	}
	if err != nil || len(data) == 0 {
		b.Skip("the Go release has no binaries to read: ", err)
	}
	return bytes.Repeat(data, benchBytes/len(data)+1)[:benchBytes]
}

// BenchmarkCut compares the ways to cut with the library, whose copy into its
// buffer is part of what it does.
func BenchmarkCut(b *testing.B) {
	for _, kind := range []string{"random", "binaries"} {
		data := randomBytes(1, benchBytes)
		if kind == "binaries" {
			data = goBinaries(b)
		}
		for _, avg := range []int{4 << 10, 16 << 10, 64 << 10, 1 << 20} {
			p := chunker.Params{Min: avg / 4, Avg: avg, Max: 4 * avg}
			run := func(name string, cut func()) {
				b.Run(fmt.Sprintf("%s/data=%s/avg=%dK", name, kind, avg>>10), func(b *testing.B) {
					b.SetBytes(benchBytes)
					b.ReportAllocs()
					for b.Loop() {
						cut()
					}
				})
			}
			run("jotfs", func() {
				c, err := fastcdc.NewChunker(bytes.NewReader(data), fastcdc.Options{
					MinSize: p.Min, AverageSize: p.Avg, MaxSize: p.Max, BufSize: max(1<<20, 2*p.Max),
				})
				for err == nil {
					_, err = c.Next()
				}
			})
			all := chunker.Searches()
			delete(all, "definition")
			for _, name := range sortedKeys(all) {
				run(name, func() {
					for d := data; len(d) > 0; {
						d = d[chunker.CutBy(all[name], p, 2, d, 0, true):]
					}
				})
			}
		}
	}
}

func sortedKeys(m map[string]chunker.Search) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// drain reads all chunks.
func drain(s *chunker.Splitter, r io.Reader) {
	s.Reset(r)
	for err := error(nil); err == nil; {
		_, err = s.Next()
	}
}

func BenchmarkSplitter(b *testing.B) {
	for _, c := range []struct {
		name  string
		bytes int
	}{{"file=10K", 10_000}, {"file=64M", benchBytes}} {
		b.Run(c.name, func(b *testing.B) {
			data := randomBytes(1, c.bytes)
			s := newSplitter(b, chunker.DefaultParams)
			var r bytes.Reader
			b.SetBytes(int64(c.bytes))
			b.ReportAllocs()
			for b.Loop() {
				r.Reset(data)
				drain(s, &r)
			}
		})
	}
}

func BenchmarkSplittersAtOnce(b *testing.B) {
	data := randomBytes(1, benchBytes)
	b.SetBytes(benchBytes)
	b.RunParallel(func(pb *testing.PB) {
		s := newSplitter(b, chunker.DefaultParams)
		for pb.Next() {
			drain(s, bytes.NewReader(data))
		}
	})
}

func BenchmarkZero(b *testing.B) {
	data := make([]byte, chunker.DefaultParams.Max)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if !chunker.Zero(data) {
			b.Fatal("zeros are not")
		}
	}
}

// BenchmarkHash compares the names of chunks and nodes with the library that
// makes them, and with what most others name chunks by.
func BenchmarkHash(b *testing.B) {
	for _, size := range []int{4 << 10, 16 << 10, 64 << 10} {
		data := randomBytes(1, size)
		run := func(name string, sum func()) {
			b.Run(fmt.Sprintf("%s/size=%dK", name, size>>10), func(b *testing.B) {
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					sum()
				}
			})
		}
		run("data", func() { chunker.Data.Sum(data) })
		b.Run(fmt.Sprintf("data at once/size=%dK", size>>10), func(b *testing.B) {
			const together = 1 << 20
			chunks := slices.Collect(slices.Chunk(randomBytes(2, together), size))
			ids := make([]chunker.ID, len(chunks))
			b.SetBytes(together)
			b.ReportAllocs()
			for b.Loop() {
				chunker.Data.SumAll(ids, chunks)
			}
		})
		run("node", func() { chunker.DirNode.Sum(data) })
		run("library", func() { blake3.Sum256(data) })
		run("sha256", func() { sha256.Sum256(data) })
	}
}
