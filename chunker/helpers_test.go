package chunker_test

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
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

// inputs are what cutters find easy, hard, and boring. A fixture is made from
// them: they stay as they are.
func inputs(n int) map[string][]byte {
	return map[string][]byte{
		"random":     randomBytes(1, n),
		"zero":       make([]byte, n),
		"repetitive": bytes.Repeat(randomBytes(2, 1009), n/1009+1)[:n],
		"mixed":      append(append(randomBytes(3, n/3), make([]byte, n/3)...), bytes.Repeat([]byte("the same line again\n"), n/60)...),
	}
}

// moreInputs are inputs and others.
func moreInputs(n int) map[string][]byte {
	all := inputs(n)
	all["constant"] = bytes.Repeat([]byte{0xa5}, n)
	all["text"] = text(n)
	return all
}

// text is lines as programs write them: few distinct bytes, much alike.
func text(n int) []byte {
	var b []byte
	for i := 0; len(b) < n; i++ {
		b = fmt.Appendf(b, "%07d\tif err := step(%d, %q); err != nil {\n", i, i*i%97, "value")
	}
	return b[:n]
}

var paramsList = map[string]chunker.Params{
	"default":       chunker.DefaultParams,
	"larger":        {Min: 4 << 10, Avg: 16 << 10, Max: 64 << 10},
	"tiny":          {Min: 64, Avg: 256, Max: 1024},
	"no room":       {Min: 64, Avg: 64, Max: 65},
	"odd":           {Min: 1000, Avg: 5000, Max: 33_333},
	"average last":  {Min: 64, Avg: 4096, Max: 4096},
	"beyond window": {Min: 64 << 10, Avg: 256 << 10, Max: 1 << 20},
}

// oracle is the lengths that the library itself gives.
func oracle(t testing.TB, p chunker.Params, data []byte) []int {
	t.Helper()
	return oracleAt(t, p, 2, data)
}

// oracleAt is oracle with any normalization, or none at level 0. It must not
// run beside itself: the library's constructor writes a table that its running
// cutters read.
func oracleAt(t testing.TB, p chunker.Params, level int, data []byte) (lengths []int) {
	t.Helper()
	c, err := fastcdc.NewChunker(bytes.NewReader(data), fastcdc.Options{
		MinSize: p.Min, AverageSize: p.Avg, MaxSize: p.Max, BufSize: p.Max + 1,
		Normalization: level, DisableNormalization: level == 0,
	})
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
