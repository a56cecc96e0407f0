package packfile

import (
	"fmt"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/artifortress/afs-engine/chunker"
)

// benchChunks is 16 MiB in chunks of 16 KiB, three of four compressible.
func benchChunks() []testChunk {
	r := generator(200)
	var cs []testChunk
	for i := range 1024 {
		data := text(r, 16<<10)
		if i%4 == 3 {
			data = randomBytes(r, 16<<10)
		}
		cs = append(cs, testChunk{chunker.Sum(data), chunker.Data, data, nil})
	}
	return cs
}

func BenchmarkWriter(b *testing.B) {
	chunks := benchChunks()
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprint("workers=", workers), func(b *testing.B) {
			w := newWriter(b, WriterOptions{Class: ClassData, Workers: workers})
			b.SetBytes(16 << 20)
			b.ReportAllocs()
			for b.Loop() {
				if err := w.Reset(); err != nil {
					b.Fatal(err)
				}
				add(b, w, chunks)
				if _, err := w.Seal(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFrameEncode compares a frame on its way into a pack with what the
// library does for it.
func BenchmarkFrameEncode(b *testing.B) {
	raw := text(generator(201), DataFrameSize)
	b.Run("frame", func(b *testing.B) {
		shared, err := NewCompression(WriterOptions{Class: ClassData, Workers: 1})
		if err != nil {
			b.Fatal(err)
		}
		c := newCompressor(shared, QueueDefault)
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		for b.Loop() {
			j := c.take(laneMain, nil)
			j.raw = append(j.raw, raw...)
			c.submit(j)
			c.drain(func(*job) {})
		}
	})
	b.Run("library", func(b *testing.B) {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(DefaultLevel), zstd.WithEncoderConcurrency(1))
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		var dst []byte
		for b.Loop() {
			dst = e.EncodeAll(raw, dst[:0])
		}
	})
}

func BenchmarkFrameDecode(b *testing.B) {
	raw := text(generator(201), DataFrameSize)
	stored := compress(b, raw)
	b.Run("frame", func(b *testing.B) {
		f := zstdFrame(stored, len(raw))
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		var dst []byte
		for b.Loop() {
			var err error
			if dst, err = f.Decode(dst, stored, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("library", func(b *testing.B) {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
		if err != nil {
			b.Fatal(err)
		}
		defer d.Close()
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		var dst []byte
		for b.Loop() {
			if dst, err = d.DecodeAll(stored, dst[:0]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkParseIndex(b *testing.B) {
	x, _ := pack(b, WriterOptions{Class: ClassData}, benchChunks())
	copied, err := x.AppendBinary(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(copied)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseIndex(x.ID, copied); err != nil {
			b.Fatal(err)
		}
	}
}
