package chunker_test

import (
	"bytes"
	"encoding/binary"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/jotfs/fastcdc-go"

	"github.com/artifortress/afs-engine/chunker"
)

var update = flag.Bool("update", false, "write the fixtures in testdata anew")

// randomBytes are the same in every run and with every Go release.
func randomBytes(seed byte, n int) []byte {
	r := rand.New(rand.NewChaCha8([32]byte{seed}))
	var b []byte
	for len(b) < n {
		b = binary.LittleEndian.AppendUint64(b, r.Uint64())
	}
	return b[:n:n]
}

// inputs are what cutters find easy, hard, and boring.
func inputs(n int) map[string][]byte {
	return map[string][]byte{
		"random":     randomBytes(1, n),
		"zero":       make([]byte, n),
		"repetitive": bytes.Repeat(randomBytes(2, 1009), n/1009+1)[:n],
		"mixed":      append(append(randomBytes(3, n/3), make([]byte, n/3)...), bytes.Repeat([]byte("the same line again\n"), n/60)...),
	}
}

var paramsList = map[string]chunker.Params{
	"default":       chunker.DefaultParams,
	"tiny":          {Min: 64, Avg: 256, Max: 1024},
	"no room":       {Min: 64, Avg: 64, Max: 65},
	"odd":           {Min: 1000, Avg: 5000, Max: 33_333},
	"average last":  {Min: 64, Avg: 4096, Max: 4096},
	"beyond window": {Min: 64 << 10, Avg: 256 << 10, Max: 1 << 20},
}

// oracle is the lengths that the library itself gives. It must not run beside
// a Splitter: its constructor writes a table that running cutters read.
func oracle(t testing.TB, p chunker.Params, data []byte) (lengths []int) {
	t.Helper()
	c, err := fastcdc.NewChunker(bytes.NewReader(data), fastcdc.Options{MinSize: p.Min, AverageSize: p.Avg, MaxSize: p.Max})
	if err != nil {
		t.Fatal(err)
	}
	for {
		chunk, err := c.Next()
		if err == io.EOF {
			return lengths
		}
		if err != nil {
			t.Fatal(err)
		}
		lengths = append(lengths, chunk.Length)
	}
}

func newSplitter(t testing.TB, p chunker.Params) *chunker.Splitter {
	t.Helper()
	s, err := chunker.NewSplitter(p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// split reads a stream to its end or error and checks on the way that the
// chunks are want's bytes in order.
func split(t testing.TB, s *chunker.Splitter, r io.Reader, want []byte) (lengths []int, err error) {
	t.Helper()
	s.Reset(r)
	off := 0
	for {
		b, err := s.Next()
		if err == io.EOF {
			return lengths, nil
		}
		if err != nil {
			return lengths, err
		}
		if len(b) == 0 || len(b) > len(want)-off || !bytes.Equal(b, want[off:off+len(b)]) {
			t.Fatalf("the %d bytes from %d on are not the stream's", len(b), off)
		}
		off += len(b)
		lengths = append(lengths, len(b))
	}
}

// golden compares got with a fixture, or with -update writes it. Fixtures of
// formats are never written again once released.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Fatalf("%s differs; this is\n%s", file, got)
	}
}
