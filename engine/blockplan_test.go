package engine

import (
	"runtime"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
)

// What the memory of an ingest goes to: many blocks of 1 MiB with usual chunks,
// two that are little longer than a chunk with large ones, and fewer when a block
// holds so many chunks that what is known of them weighs more than it.
func TestBlocksArePlannedByMemory(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	for _, c := range []struct {
		params      chunker.Params
		memory      int64
		large, size int
		part        int
	}{
		{chunker.DefaultParams, 16 << 20, 8, 1 << 20, 256 << 10},
		{chunker.DefaultParams, 16 << 20 / 3, 5, 1 << 20, 256 << 10},
		{chunker.Params{Min: 1 << 20, Avg: 4 << 20, Max: 16 << 20}, 16 << 20, 2, 17 << 20, 17 << 20},
		{chunker.Params{Min: 64 << 10, Avg: 128 << 10, Max: 256 << 10}, 16 << 20, 8, 1 << 20, 512 << 10},
		{chunker.Params{Min: 64, Avg: 64, Max: 128}, 16 << 20, 5, 1 << 20, 256 << 10},
	} {
		b := planBlocks(c.params, c.memory)
		if b.large != c.large || b.size != c.size || b.part != c.part {
			t.Errorf("%+v in %d bytes: %d blocks of %d bytes, %d of a stream; want %d of %d, %d", c.params, c.memory, b.large, b.size, b.part, c.large, c.size, c.part)
		}
		if least := int64(b.large*b.size + smallBytes); b.bytes < least {
			t.Errorf("%+v: %d bytes are planned with, blocks alone take %d", c.params, b.bytes, least)
		}
	}
}
