// Package chunker turns bytes into chunks: where they begin and end (FastCDC)
// and what they are called (BLAKE3).
//
// Boundaries depend only on the bytes near them, so an edit moves the cuts
// around it and no others; names depend only on the bytes, so equal chunks
// meet under one name wherever they come from. Both are part of the store's
// format: the same bytes and Params give the same chunks on every machine.
//
// FastCDC: Xia et al., "FastCDC: a Fast and Efficient Content-Defined Chunking
// Approach for Data Deduplication", USENIX ATC 2016. The cuts are those of
// github.com/jotfs/fastcdc-go with seed 0 and normalization 2, which is the
// oracle in this package's tests. Params.Cut cuts bytes in memory, and a
// Splitter a stream.
//
// There are two ways to look for a cut, chosen when the program starts: with
// AVX-512 (cut_amd64.s; not with the build tag purego) and in Go. They give
// the same cuts for all data and all Params. So there are to name many chunks
// (Kind.SumAll): in lanes (sum_amd64.s), and one by one.
package chunker

import "fmt"

// Params bound and aim the cutter. Sizes are in bytes. They are fixed in a
// store's config when it is created.
type Params struct {
	Min int `json:"min"` // no chunk but the last of a stream is shorter
	Avg int `json:"avg"` // where the cutter turns from strict to lenient; about the mean
	Max int `json:"max"` // no chunk is longer
}

// DefaultParams suit software artifacts: small enough that a changed function
// costs little, large enough that a chunk's index entry does not.
var DefaultParams = Params{Min: 2 << 10, Avg: 8 << 10, Max: 32 << 10}

// Limits of Params, in bytes.
const (
	MinSize = 64       // the least Min
	MaxSize = 16 << 20 // the greatest Max; what a reader must be ready to hold
)

// Validate says what is wrong with p, or nil.
func (p Params) Validate() error {
	switch {
	case p.Min < MinSize:
		return fmt.Errorf("chunk minimum %d is below %d bytes", p.Min, MinSize)
	case p.Max > MaxSize:
		return fmt.Errorf("chunk maximum %d is above %d bytes", p.Max, MaxSize)
	case p.Avg < p.Min || p.Max < p.Avg || p.Max == p.Min:
		return fmt.Errorf("chunk sizes %d, %d, %d: want minimum ≤ average ≤ maximum, minimum < maximum", p.Min, p.Avg, p.Max)
	}
	return nil
}
