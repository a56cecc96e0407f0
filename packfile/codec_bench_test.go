package packfile

import (
	"os"
	"testing"

	"github.com/klauspost/compress/huff0"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"github.com/artifortress/afs-engine/packfile/zstdenc"
)

// BenchmarkCodecs compresses the first 400 MB of the file that AFS_BENCH_FILE
// names in pieces of a data frame, on one core: with the library's zstd at the
// level of data frames, with the encoder that they have (zstdenc), and with what
// could be put in their place. It reports the ratio of what
// comes out to what went in.
func BenchmarkCodecs(b *testing.B) {
	path := os.Getenv("AFS_BENCH_FILE")
	if path == "" {
		b.Skip("AFS_BENCH_FILE names no file")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	data = data[:min(len(data), 400_000_000)]
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(DefaultLevel), zstd.WithEncoderCRC(false), zstd.WithWindowSize(DataFrameSize))
	if err != nil {
		b.Fatal(err)
	}
	own := zstdenc.NewEncoder()
	out := make([]byte, 0, s2.MaxEncodedLen(DataFrameSize))
	huff := huff0.Scratch{Reuse: huff0.ReusePolicyNone}
	entropy := func(p []byte) (n int) {
		for ; len(p) > 0; p = p[min(len(p), huff0.BlockSizeMax-1):] {
			part := p[:min(len(p), huff0.BlockSizeMax-1)]
			if c, _, err := huff0.Compress4X(part, &huff); err == nil {
				n += len(c)
			} else {
				n += len(part)
			}
		}
		return n
	}
	for _, codec := range []struct {
		name string
		size func(p []byte) int
	}{
		{"zstd", func(p []byte) int { out = enc.EncodeAll(p, out[:0]); return len(out) }},
		{"zstdenc", func(p []byte) int { out = own.EncodeAll(p, out[:0]); return len(out) }},
		{"s2", func(p []byte) int { return len(s2.Encode(out[:cap(out)], p)) }},
		{"s2-huff0", func(p []byte) int { return entropy(s2.Encode(out[:cap(out)], p)) }},
		{"huff0", entropy},
	} {
		b.Run(codec.name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			var size int
			for b.Loop() {
				size = 0
				for p := data; len(p) > 0; p = p[min(len(p), DataFrameSize):] {
					size += codec.size(p[:min(len(p), DataFrameSize)])
				}
			}
			b.ReportMetric(float64(size)/float64(len(data)), "ratio")
		})
	}
}
