package packfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/chunker"
)

var update = flag.Bool("update", false, "write the fixtures in testdata anew")

// testChunk is what a test adds to a pack.
type testChunk struct {
	id   chunker.ID
	kind chunker.Kind
	data []byte
	deps []chunker.ID
}

// generator makes the same bytes in every run and with every Go release.
func generator(seed byte) *rand.Rand {
	return rand.New(rand.NewChaCha8([32]byte{seed}))
}

// randomBytes do not compress; text does.
func randomBytes(r *rand.Rand, n int) []byte {
	var b []byte
	for len(b) < n {
		b = binary.LittleEndian.AppendUint64(b, r.Uint64())
	}
	return b[:n:n]
}

func text(r *rand.Rand, n int) []byte {
	words := []string{"chunk ", "frame ", "pack ", "object ", "node\n"}
	var b []byte
	for len(b) < n {
		b = append(b, words[r.IntN(len(words))]...)
	}
	return b[:n]
}

// dataChunks and nodeChunks make n chunks of up to size bytes, the first
// compressible, the next not, and so on.
func dataChunks(r *rand.Rand, n, size int) []testChunk {
	var cs []testChunk
	for i := range n {
		data := text(r, 1+r.IntN(size))
		if i%2 == 1 {
			data = randomBytes(r, len(data))
		}
		cs = append(cs, testChunk{chunker.Sum(data), chunker.Data, data, nil})
	}
	return cs
}

func nodeChunks(r *rand.Rand, n, size int) []testChunk {
	var cs []testChunk
	for i := range n {
		kind := chunker.DirNode + chunker.Kind(i%3)
		c := testChunk{kind: kind, data: text(r, 1+r.IntN(size))}
		c.id = kind.Sum(c.data)
		for range r.IntN(5) {
			c.deps = append(c.deps, chunker.ID(randomBytes(r, chunker.IDSize)))
		}
		cs = append(cs, c)
	}
	return cs
}

// fixedNonce makes packs reproducible.
func fixedNonce() ([16]byte, error) { return [16]byte{0: 0xA0, 15: 0xAF}, nil }

func newWriter(t testing.TB, o WriterOptions) *Writer {
	t.Helper()
	if o.Nonce == nil {
		o.Nonce = fixedNonce
	}
	w, err := NewWriter(o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func add(t testing.TB, w *Writer, cs []testChunk) {
	t.Helper()
	for _, c := range cs {
		if err := w.Add(c.id, c.kind, c.data, c.deps); err != nil {
			t.Fatal(err)
		}
	}
}

func seal(t testing.TB, w *Writer) (*Index, []byte) {
	t.Helper()
	s, err := w.Seal()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(s.Body())
	if err != nil {
		t.Fatal(err)
	}
	return s.Index, b
}

func pack(t testing.TB, o WriterOptions, cs []testChunk) (*Index, []byte) {
	t.Helper()
	w := newWriter(t, o)
	add(t, w, cs)
	return seal(t, w)
}

// smallPack has three frames, zstd and raw ones, in less than a kilobyte.
func smallPack(t testing.TB) (*Index, []byte) {
	r := generator(7)
	return pack(t, WriterOptions{Class: ClassData, FrameSize: 200}, dataChunks(r, 8, 120))
}

// storeWith is a store that holds b as the pack id, whatever b is.
func storeWith(t testing.TB, id ID, b []byte) *mem.Store {
	t.Helper()
	s := mem.New()
	if err := s.Put(context.Background(), Key(id), bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	return s
}

// reseal makes a pack's checksums right again after a change to its parts, as
// a writer of hostile packs would.
func reseal(head, frames, block []byte) []byte {
	h := append([]byte(nil), head...)
	h = appendU32(h[:60], checksum(h[:60]))
	t := trailer{indexOffset: int64(len(head) + len(frames)), indexLength: len(block), digest: digest(h, block)}
	return t.append(append(append(h, frames...), block...))
}

func appendU32(b []byte, v uint32) []byte {
	return append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
}

// split cuts a sound pack into its parts.
func split(b []byte) (head, frames, block []byte) {
	t, err := parseTrailer(b[len(b)-TrailerSize:], int64(len(b)))
	if err != nil {
		panic(fmt.Sprint("split: ", err))
	}
	return b[:HeaderSize], b[HeaderSize:t.indexOffset], b[t.indexOffset : len(b)-TrailerSize]
}
