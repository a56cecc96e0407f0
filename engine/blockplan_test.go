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
	}{
		{chunker.DefaultParams, 16 << 20, 8, 1 << 20},
		{chunker.DefaultParams, 16 << 20 / 3, 5, 1 << 20},
		{chunker.Params{Min: 1 << 20, Avg: 4 << 20, Max: 16 << 20}, 16 << 20, 2, 17 << 20},
		{chunker.Params{Min: 64, Avg: 64, Max: 128}, 16 << 20, 5, 1 << 20},
	} {
		b := planBlocks(c.params, c.memory)
		if b.large != c.large || b.size != c.size {
			t.Errorf("%+v in %d bytes: %d blocks of %d bytes, want %d of %d", c.params, c.memory, b.large, b.size, c.large, c.size)
		}
		if least := int64(b.large*b.size + smallBytes); b.bytes < least {
			t.Errorf("%+v: %d bytes are planned with, blocks alone take %d", c.params, b.bytes, least)
		}
	}
}
