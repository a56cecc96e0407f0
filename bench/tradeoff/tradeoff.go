// Package tradeoff measures what the parameters of a store cost against each
// other: chunk sizes, frame sizes and compression levels against the bytes that
// are stored and the time of a cold random read.
//
// Small chunks find more that is the same and take more index; large frames
// compress better and make a random read decode more. Neither shows in a single
// ingest, so every point is a store of its own, into which the same releases
// go in the same order, with everything counted: packs, log and index.
//
// Unlike the rest of bench it calls the engine as a library: the points differ
// in nothing but the parameters, and no process start is in the times.
//
// Invariants: no two stores exist at a time, none is left behind, and the same
// Result always makes the same table and the same plot.
package tradeoff

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/artifortress/afs-engine/bench"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
)

// Schema is the version of the file of a Result.
const Schema = 1

// ErrSchema means that a file holds no Result, or one of a later version.
var ErrSchema = errors.New("not a trade-off of this version")

// Result is what was measured on one row of releases. Sizes are bytes, times
// are seconds.
type Result struct {
	Schema  int              `json:"schema"`
	Started time.Time        `json:"started"`
	Seconds float64          `json:"seconds"`
	Host    bench.Host       `json:"host"`
	Corpus  bench.CorpusInfo `json:"corpus"`
	Reads   int              `json:"reads"` // cold reads of each point
	Points  []Point          `json:"points"`
}

// Point is one choice of parameters and what it came to.
type Point struct {
	Choice
	StoredBytes int64   `json:"stored_bytes"` // every object of the store: packs, log, checkpoints, config
	IndexBytes  int64   `json:"index_bytes"`  // beside it, and could be made anew
	Chunks      int64   `json:"chunks"`       // distinct ones
	CPUSeconds  float64 `json:"cpu_seconds"`  // of all ingests
	ReadSeconds float64 `json:"read_seconds"` // mean of the cold reads
}

// Bytes is everything that the store takes.
func (p Point) Bytes() int64 { return p.StoredBytes + p.IndexBytes }

// Choice is what is varied. The least and the greatest size of a chunk are a
// quarter of the average and four times it.
type Choice struct {
	ChunkAvg int `json:"chunk_avg"`
	Frame    int `json:"frame"`
	Level    int `json:"level"` // of zstd: 1 (fastest) to 4 (best)

	// Profile names a profile that is measured as it is, with what it chooses
	// for text, and with its deltas. The other fields are then its own. Without,
	// all files are packed alike and nothing is a delta.
	Profile string `json:"profile,omitempty"`
}

// Profile is the choice of a whole profile.
func Profile(p engine.Profile) Choice {
	return Choice{p.Chunker.Avg, p.Packing.Frame, int(p.Packing.Level), p.Name}
}

// Grid is every combination, the frames of a chunk size and level together,
// the smallest first if the lists are sorted so.
func Grid(chunkAvgs, frames, levels []int) (all []Choice) {
	for _, avg := range chunkAvgs {
		for _, level := range levels {
			for _, frame := range frames {
				all = append(all, Choice{ChunkAvg: avg, Frame: frame, Level: level})
			}
		}
	}
	return all
}

func (c Choice) options(now func() time.Time) (o engine.CreateOptions, err error) {
	o.Now = now
	if c.Profile != "" {
		p, err := engine.ProfileNamed(c.Profile)
		o.Chunker, o.Packing = p.Chunker, p.Packing
		return o, err
	}
	o.Chunker = chunker.Params{Min: c.ChunkAvg / 4, Avg: c.ChunkAvg, Max: min(4*c.ChunkAvg, chunker.MaxSize)}
	o.Packing = engine.Packing{Frame: c.Frame, Level: zstd.EncoderLevel(c.Level)}
	return o, nil
}

// Load reads the file of a Result.
func Load(path string) (*Result, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read a trade-off: %w", err)
	}
	var r Result
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("read a trade-off: %s: %w: %v", path, ErrSchema, err)
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("read a trade-off: %s: %w: it has schema %d, want %d", path, ErrSchema, r.Schema, Schema)
	}
	return &r, nil
}

// Save writes the file of a Result.
func (r *Result) Save(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(b, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write a trade-off: %w", err)
	}
	return nil
}
