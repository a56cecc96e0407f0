package zstdenc_test

import (
	"os"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/artifortress/afs-engine/packfile/zstdenc"
)

// BenchmarkEncodeAll encodes frames of 256 KiB of the file that AFS_BENCH_FILE
// names, or of this program, beside the library's fastest level, on one core. It
// reports the ratio of what comes out to what went in.
func BenchmarkEncodeAll(b *testing.B) {
	data := program(b, 64<<20)
	if path := os.Getenv("AFS_BENCH_FILE"); path != "" {
		var err error
		if data, err = os.ReadFile(path); err != nil {
			b.Fatal(err)
		}
		data = data[:min(len(data), 400_000_000)]
	}
	lib, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithWindowSize(256<<10))
	if err != nil {
		b.Fatal(err)
	}
	contenders := map[string]func(src, dst []byte) []byte{"klauspost": lib.EncodeAll}
	for name, e := range zstdenc.Encoders() {
		contenders[name] = e.EncodeAll
	}
	for name, encode := range contenders {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			var dst []byte
			var size int
			for b.Loop() {
				size = 0
				for frame := range slices.Chunk(data, 256<<10) {
					dst = encode(frame, dst[:0])
					size += len(dst)
				}
			}
			b.ReportMetric(float64(size)/float64(len(data)), "ratio")
		})
	}
}
