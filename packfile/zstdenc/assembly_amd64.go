//go:build !purego

package zstdenc

import "golang.org/x/sys/cpu"

var hasAssembly = cpu.X86.HasAVX2 && cpu.X86.HasBMI1 && cpu.X86.HasBMI2

// findAVX2 is findPlain of a block that ends at n and has margin bytes at least.
//
//go:noescape
func findAVX2(f *finder, seqs *sequence, lits, src *byte, from, n int) (sequences, literals, end int)

// bitsBMI2 is bitsPlain of n sequences, one at least.
//
//go:noescape
func bitsBMI2(out *byte, seqs *sequence, n int, t *[kinds]*table) int

// huffmanBMI2 is appendStream of n literals, one at least. It returns how many
// bytes it wrote.
//
//go:noescape
func huffmanBMI2(out, lits *byte, n int, h *huffman) int
