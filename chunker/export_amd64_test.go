//go:build !purego

package chunker

func addAssembly(all map[string]Search) {
	if hasAVX512 {
		all["avx512"] = findAVX512
	}
}

// Segments is the order of the data in what findBlocks returns.
func Segments(lanes uint32) uint32 { return segments(lanes) }
