package packfile

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"
)

func TestBodySpansSlabs(t *testing.T) {
	r := generator(1)
	var s slabs
	want := randomBytes(r, 2*slabSize+12345)
	for round := range 2 { // the second one in the first one's memory
		s.reset()
		for rest := want; len(rest) > 0; {
			n := min(1+r.IntN(100000), len(rest))
			s.append(rest[:n])
			rest = rest[n:]
		}
		if err := iotest.TestReader(io.NewSectionReader(&s, 0, s.size), want); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
	exact := slabs{}
	exact.append(want[:slabSize])
	got, err := io.ReadAll(io.NewSectionReader(&exact, 0, exact.size))
	if err != nil || !bytes.Equal(got, want[:slabSize]) || len(exact.blocks) != 1 {
		t.Fatalf("one full slab: %d bytes, %v, %d blocks", len(got), err, len(exact.blocks))
	}
}

func TestBodiesAreIndependent(t *testing.T) {
	w := newWriter(t, WriterOptions{Class: ClassData})
	add(t, w, dataChunks(generator(2), 5, 100))
	s, err := w.Seal()
	if err != nil {
		t.Fatal(err)
	}
	a, b := s.Body(), s.Body()
	if _, err := a.Seek(10, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(b)
	if err != nil || int64(len(all)) != s.Index.Size {
		t.Fatalf("second body gives %d of %d bytes, %v", len(all), s.Index.Size, err)
	}
	rest, err := io.ReadAll(a)
	if err != nil || !bytes.Equal(rest, all[10:]) {
		t.Fatalf("first body gives other bytes, %v", err)
	}
	if s.Key() != Key(s.Index.ID) {
		t.Fatalf("Key = %s", s.Key())
	}
}
