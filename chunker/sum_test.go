package chunker_test

import (
	"slices"
	"testing"

	"github.com/zeebo/blake3"

	"github.com/artifortress/afs-engine/chunker"
)

// checkSums compares SumAll with the library, chunk by chunk.
func checkSums(t *testing.T, chunks [][]byte) {
	t.Helper()
	ids := make([]chunker.ID, len(chunks))
	chunker.Data.SumAll(ids, chunks)
	for i, c := range chunks {
		if want := chunker.ID(blake3.Sum256(c)); ids[i] != want {
			t.Fatalf("chunk %d of %d, %d bytes: %s, want %s", i, len(chunks), len(c), ids[i], want)
		}
	}
}

// Around every number of blocks and leaves, alone and beside others.
func TestSumAllNamesChunksOfAllLengths(t *testing.T) {
	data := randomBytes(31, 5<<20)
	var all [][]byte
	for n := 0; n <= 40<<10; n += stride(61) {
		all = append(all, data[n:2*n])
	}
	for leaves := range 40 {
		for around := -2; around <= 2; around++ {
			if n := leaves*1024 + around; n >= 0 {
				all = append(all, data[7:7+n])
			}
		}
	}
	for n := 0; n < 200; n++ {
		all = append(all, data[n:2*n])
	}
	for _, n := range []int{1 << 20, 1<<20 + 1, 2 << 20, 2<<20 + 1, 3 << 20, 4<<20 + 77} {
		all = append(all, data[:n])
	}
	checkSums(t, all)
	slices.Reverse(all)
	checkSums(t, all)
	for _, c := range all {
		checkSums(t, [][]byte{c})
		checkSums(t, [][]byte{c, data[:8<<10], c})
	}
	checkSums(t, nil)
}

func TestSumAllNamesNodesToo(t *testing.T) {
	nodes := [][]byte{{1}, randomBytes(33, 9000), {}}
	ids := make([]chunker.ID, len(nodes))
	for k := chunker.DirNode; k.Valid(); k++ {
		k.SumAll(ids, nodes)
		for i := range nodes {
			if ids[i] != k.Sum(nodes[i]) {
				t.Errorf("%s %d has another id", k, i)
			}
		}
	}
}

func TestSumAllIsThatOfEveryByte(t *testing.T) {
	data := randomBytes(32, 64<<10)
	chunks := [][]byte{data[:9000], data[9000:9100], data[9100:40000], data[40000:]}
	ids, again := make([]chunker.ID, len(chunks)), make([]chunker.ID, len(chunks))
	chunker.Data.SumAll(ids, chunks)
	for at := 0; at < len(data); at += stride(97) {
		data[at] ^= 0x10
		chunker.Data.SumAll(again, chunks)
		changed := 0
		for i := range ids {
			if ids[i] != again[i] {
				changed++
			}
		}
		if changed != 1 {
			t.Fatalf("byte %d is in %d ids", at, changed)
		}
		data[at] ^= 0x10
	}
}

func FuzzSumAll(f *testing.F) {
	f.Add([]byte("some bytes that are repeated"), uint32(5000), uint8(3))
	f.Add([]byte{0}, uint32(1<<20), uint8(1))
	f.Fuzz(func(t *testing.T, seed []byte, n uint32, parts uint8) {
		if len(seed) == 0 {
			return
		}
		n %= 3 << 20
		data := make([]byte, n)
		for i := 0; i < len(data); i += copy(data[i:], seed) {
			seed[0]++
		}
		size := max(1, len(data)/(int(parts)+1))
		checkSums(t, slices.Collect(slices.Chunk(data, size)))
	})
}
