package chunker_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/jotfs/fastcdc-go"
	"github.com/zeebo/blake3"

	"github.com/artifortress/afs-engine/chunker"
)

const benchBytes = 16 << 20

func BenchmarkCut(b *testing.B) {
	data := randomBytes(1, benchBytes)
	b.Run("splitter", func(b *testing.B) {
		s := newSplitter(b, chunker.DefaultParams)
		b.SetBytes(benchBytes)
		b.ReportAllocs()
		for b.Loop() {
			s.Reset(bytes.NewReader(data))
			for {
				if _, err := s.Next(); err == io.EOF {
					break
				}
			}
		}
	})
	b.Run("library", func(b *testing.B) {
		p := chunker.DefaultParams
		b.SetBytes(benchBytes)
		b.ReportAllocs()
		for b.Loop() {
			c, err := fastcdc.NewChunker(bytes.NewReader(data), fastcdc.Options{
				MinSize: p.Min, AverageSize: p.Avg, MaxSize: p.Max, BufSize: 1 << 20,
			})
			if err != nil {
				b.Fatal(err)
			}
			for {
				if _, err := c.Next(); err == io.EOF {
					break
				}
			}
		}
	})
}

func BenchmarkCutSmallFiles(b *testing.B) {
	data := randomBytes(1, 10_000)
	s := newSplitter(b, chunker.DefaultParams)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		s.Reset(bytes.NewReader(data))
		for {
			if _, err := s.Next(); err == io.EOF {
				break
			}
		}
	}
}

func BenchmarkCutAtOnce(b *testing.B) {
	data := randomBytes(1, benchBytes)
	b.SetBytes(benchBytes)
	b.RunParallel(func(pb *testing.PB) {
		s := newSplitter(b, chunker.DefaultParams)
		for pb.Next() {
			s.Reset(bytes.NewReader(data))
			for {
				if _, err := s.Next(); err == io.EOF {
					break
				}
			}
		}
	})
}

func BenchmarkHash(b *testing.B) {
	data := randomBytes(1, chunker.DefaultParams.Avg)
	for _, k := range []chunker.Kind{chunker.Data, chunker.DirNode} {
		b.Run(k.String(), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				k.Sum(data)
			}
		})
	}
	b.Run("library", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			blake3.Sum256(data)
		}
	})
}
