package bench

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"time"
)

// ReadOptions say how files are to be read.
type ReadOptions struct {
	Block      int     // bytes a read
	Random     bool    // at random places of random files; else each from begin to end
	Operations int64   // random: at most so many reads
	Seconds    float64 // random: and no more after this time
	Seed       uint64
}

// ReadResult is what reading took. Opening the files does not count.
type ReadResult struct {
	Seconds    float64 `json:"seconds"`
	Operations int64   `json:"operations"`
	Bytes      int64   `json:"bytes"`
	P99Seconds float64 `json:"p99_seconds"` // random: the slowest read but 1 %
}

// ReadFiles reads files, one read after the other, and measures. Places are
// multiples of the block and the same for the same seed.
func ReadFiles(paths []string, o ReadOptions) (ReadResult, error) {
	if o.Block < 1 || len(paths) == 0 {
		return ReadResult{}, fmt.Errorf("%w: a block of at least one byte, and a file", ErrOptions)
	}
	var files []*os.File
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	for _, p := range paths {
		f, err := os.Open(p)
		if err != nil {
			return ReadResult{}, fmt.Errorf("open: %w", err)
		}
		files = append(files, f)
	}
	if o.Random {
		return readRandom(files, o)
	}
	return readThrough(files, o)
}

func readThrough(files []*os.File, o ReadOptions) (r ReadResult, err error) {
	buf := make([]byte, o.Block)
	start := time.Now()
	for _, f := range files {
		for {
			n, err := f.Read(buf)
			r.Bytes += int64(n)
			r.Operations++
			if err == io.EOF {
				break
			}
			if err != nil {
				return r, fmt.Errorf("read: %w", err)
			}
		}
	}
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

func readRandom(files []*os.File, o ReadOptions) (r ReadResult, err error) {
	ends := make([]int64, len(files)) // of the files' blocks, one file after the other
	var blocks int64
	for i, f := range files {
		info, err := f.Stat()
		if err != nil {
			return r, fmt.Errorf("read: %w", err)
		}
		blocks += info.Size() / int64(o.Block)
		ends[i] = blocks
	}
	if blocks == 0 {
		return r, errors.New("the files are smaller than a block")
	}
	rnd := rand.New(rand.NewPCG(o.Seed, uint64(o.Block)))
	buf := make([]byte, o.Block)
	var times []float64
	for r.Operations < o.Operations && r.Seconds < o.Seconds {
		at := rnd.Int64N(blocks)
		i, _ := slices.BinarySearch(ends, at+1) // the first file that ends behind this block
		if i > 0 {
			at -= ends[i-1]
		}
		start := time.Now()
		n, err := files[i].ReadAt(buf, at*int64(o.Block))
		if err != nil {
			return r, fmt.Errorf("read: %w", err)
		}
		took := time.Since(start).Seconds()
		times = append(times, took)
		r.Seconds += took
		r.Bytes += int64(n)
		r.Operations++
	}
	if len(times) == 0 {
		return r, fmt.Errorf("%w: at least one read, and time for it", ErrOptions)
	}
	slices.Sort(times)
	r.P99Seconds = times[len(times)*99/100]
	return r, nil
}
