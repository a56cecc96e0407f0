//go:build !amd64 || purego

package zstdenc

const hasAssembly = false

func findAVX2(*finder, *sequence, *byte, *byte, int, int) (sequences, literals, end int) {
	panic("zstdenc: no assembly")
}

func bitsBMI2(*byte, *sequence, int, *[kinds]*table) int { panic("zstdenc: no assembly") }

func huffmanBMI2(*byte, *byte, int, *huffman) int { panic("zstdenc: no assembly") }
