package zstdenc_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/artifortress/afs-engine/packfile/zstdenc"
)

// program is part of this program: machine code and tables, as a store is full of.
func program(t testing.TB, size int) []byte {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b[:min(len(b), size)]
}

func random(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// words are n bytes of words that come again.
func words(r *rand.Rand, n int) []byte {
	var b []byte
	for len(b) < n {
		b = fmt.Appendf(b, "%x ", r.IntN(1+r.IntN(5000)))
	}
	return b[:n]
}

// skewed are n bytes of which each value is rarer than the one before by a
// golden section, in random order.
func skewed(r *rand.Rand, n int) []byte {
	var b []byte
	for value, share := byte(0), float64(n); share > 1; value++ {
		b = append(b, bytes.Repeat([]byte{value}, int(share*0.382)+1)...)
		share *= 0.618
	}
	b = b[:min(n, len(b))]
	r.Shuffle(len(b), func(i, j int) { b[i], b[j] = b[j], b[i] })
	return b
}

// records are n bytes of hashes and decimal numbers, in turns, from a place on.
func records(r *rand.Rand, n, from int) []byte {
	var b []byte
	for len(b) < n+from {
		b = fmt.Appendf(append(b, random(r, 8)...), "%08d", r.IntN(1e8))
	}
	return b[from : n+from]
}

// halves are n bytes that are low in some places and high in the others, where
// those that are usually counted are of one value each.
func halves(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.IntN(128))
		if i%17 >= 8 {
			b[i] |= 128
		}
	}
	for v := range 128 {
		b[17*v] = 128 | byte(v)
	}
	return b
}

// mixture is n bytes of stretches that are new, come again at some distance,
// are one byte over and over, or count up.
func mixture(r *rand.Rand, n int) []byte {
	var b []byte
	for len(b) < n {
		size := 1 + r.IntN(1+r.IntN(1+r.IntN(70_000)))
		switch r.IntN(6) {
		case 0:
			b = append(b, random(r, size)...)
		case 1:
			b = append(b, words(r, size)...)
		case 2:
			b = append(b, bytes.Repeat([]byte{byte(r.IntN(4))}, size)...)
		case 3:
			for i := range size {
				b = append(b, byte(i), byte(i>>8), 0, byte(r.IntN(2)))
			}
		default:
			if len(b) > 0 {
				from := r.IntN(len(b))
				for range size {
					b = append(b, b[from])
					from++
				}
			}
		}
	}
	return b[:n]
}

// inputs are data of many kinds and sizes, most of them around those at which
// something changes.
func inputs(t testing.TB) map[string][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	all := map[string][]byte{"nothing": nil}
	add := func(name string, b []byte) { all[fmt.Sprintf("%s, %d bytes", name, len(b))] = b }
	sizes := []int{31, 32, 33, 47, 48, 49, 50, 63, 64, 255, 256, 257, 1023, 1024, 1025, 65791, 65792, 131071, 131072, 131073, 131119, 131120, 131121, 262144, 300_000, 3 << 20}
	for n := 1; n < 70; n += 3 {
		sizes = append(sizes, n)
	}
	text, code := words(r, 3<<20), program(t, 3<<20)
	for _, n := range sizes {
		add("zeros", make([]byte, n))
		add("random", random(r, n))
		add("text", text[:n])
		add("mixture", mixture(r, n))
		if n <= len(code) {
			add("program", code[:n])
		}
	}
	// Literals whose Huffman code would be longer than it may be.
	add("skewed", skewed(r, 128<<10))
	add("skewed", skewed(r, 5000))
	add("skewed", skewed(r, 700))
	few := random(r, 20_000) // all codes are of four bits
	for i := range few {
		few[i] &= 15
	}
	add("nibbles", few)
	// Of literals that are many and of nearly all values, a part is counted.
	add("records", records(r, 256<<10, 0))
	add("records", records(r, 256<<10+8, 8))
	lopsided := append([]byte(nil), halves(r, 40_000)...)
	add("halves", append(lopsided, lopsided...))
	// A copy over the edge of a block; one at the very beginning and end; one over and over.
	add("twice", bytes.Repeat(random(r, 128<<10-7), 2))
	add("thrice", bytes.Repeat(random(r, 100_000), 3))
	add("period of 3", bytes.Repeat([]byte("abc"), 70_000))
	// Compressible, then not, then as before: what was raw has no say in what comes then.
	add("sandwich", append(append(bytes.Clone(text[:128<<10]), random(r, 128<<10)...), text[:200_000]...))
	return all
}

func newDecoder(t testing.TB) *zstd.Decoder {
	t.Helper()
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func check(t testing.TB, d *zstd.Decoder, e *zstdenc.Encoder, data []byte) []byte {
	t.Helper()
	frame := e.EncodeAll(data, nil)
	got, err := d.DecodeAll(frame, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, data) {
		t.Fatalf("decodes to %d other bytes, want %d", len(got), len(data))
	}
	return frame
}
