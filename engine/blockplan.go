package engine

import (
	"fmt"
	"runtime"

	"github.com/artifortress/afs-engine/chunker"
)

// blockPlan is how many buffers a pipeline has, and of what size.
type blockPlan struct {
	workers int
	small   int // bundles of small files
	large   int // blocks of larger files and of streams
	size    int // of a large block, bytes
	part    int // so many of it are used for a part of a stream
	bytes   int64
}

// Numbers of bundles and files: enough to keep a disk busy and calls few,
// whatever the number of workers, and a few large blocks more than there are
// workers to fill them, if there is memory. Two large ones are the least: what
// is left undecided at the end of one goes to the beginning of the next.
const (
	smallBytes       = 4 << 20 // in bundles of small files
	smallFiles       = 512
	smallPlaces      = 128 // directories that are kept open for them
	smallBundlesMin  = 8
	smallBundlesMax  = smallBytes / blockSmall
	workersMin       = 4
	largeBlocksSpare = 4
	largeBlocksMin   = 2
	pieceCost        = 128 // bytes that are known of a chunk while its block is under way
)

// planBlocks plans with memory bytes for large blocks.
func planBlocks(p chunker.Params, memory int64) blockPlan {
	b := blockPlan{workers: max(workersMin, runtime.GOMAXPROCS(0)), size: largeSize(p, blockLarge), part: largeSize(p, blockPart)}
	cost := withPieces(p, b.size)
	b.large = max(largeBlocksMin, min(b.workers+largeBlocksSpare, int(memory/cost)))
	b.small = min(max(2*b.workers, smallBundlesMin), smallBundlesMax)
	b.bytes = int64(b.large)*cost + withPieces(p, smallBytes)
	return b
}

// largeSize is the size of a large block. What is left undecided at its end is
// less than the largest chunk, so that each takes usual bytes at least, or half of
// its size.
func largeSize(p chunker.Params, usual int) int { return max(usual, min(2*p.Max, p.Max+blockLarge)) }

// withPieces is what size bytes cost together with what is known of the chunks
// in them.
func withPieces(p chunker.Params, size int) int64 {
	return int64(size) + int64(size/max(p.Min, 1))*pieceCost
}

// checkMemory refuses to take content in with less memory than chunks of the
// greatest length need. Besides its blocks an ingest has some seven such chunks
// whole: in a frame, in two that are being compressed and what becomes of these,
// and at the end of each of two packs.
func checkMemory(p chunker.Params, s *Settings) error {
	need := memoryFixed + planBlocks(p, s.blocks()).bytes + 7*int64(p.Max)
	if p.Max <= blockLarge || need <= s.MemoryBytes {
		return nil
	}
	mib := (need + 1<<20 - 1) >> 20
	return WithHint(fmt.Errorf("%w: an ingest with chunks of up to %d bytes needs %d MiB of memory, and may take %d",
		ErrUsage, p.Max, mib, s.MemoryBytes>>20), fmt.Sprintf("give it --memory %dMiB", mib))
}
