package bloom

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"testing"
)

func TestAPartIsReadBackAsItWas(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var g grown
	for range 20_000 {
		g.add(t, r.Uint64()|1<<63) // half of the parts are empty
	}
	var back Filter
	for n := range Parts {
		check(t, back.SetPart(n, g.AppendPart(nil, n, 0)))
	}
	if back.Keys() != g.Keys() || back.Bytes() != g.Bytes() {
		t.Errorf("%d keys in %d bytes, want %d in %d", back.Keys(), back.Bytes(), g.Keys(), g.Bytes())
	}
	for range 20_000 {
		if k := r.Uint64(); back.Has(k) != g.Has(k) {
			t.Fatalf("they do not agree on %#x", k)
		}
	}
	for n := range Parts {
		if g.Room(n, 1) != back.Room(n, 1) {
			t.Errorf("they do not agree on the room in part %d", n)
		}
	}
}

// Saved filters hold this: it may change only with the version in the row that
// says that there is one.
func TestTheEncodingIsWhatItHasAlwaysBeen(t *testing.T) {
	var f Filter
	f.Add(0x0123456789abcdef)
	const want = "65d6a50601000000" + // checksum, keys
		"0000000000000000000000000000000000000000000000000000000000000000" +
		"0000000000000000000000000000000000000000000000000000000000000000" +
		"0000000020000000000000004000000000000000000000200000000000400000" +
		"0002000000000000000000000100000000000002000000000000000000000100"
	if got := hex.EncodeToString(f.AppendPart(nil, PartOf(0x0123456789abcdef), 0)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if empty := f.AppendPart(nil, 1000, 0); len(empty) != headerLen {
		t.Errorf("an empty part is %x", empty)
	}
}

func TestDamagedPartsAreRefused(t *testing.T) {
	var f Filter
	f.Add(1)
	whole := f.AppendPart(nil, 0, 0)
	var other Filter
	for i := range whole {
		bad := bytes.Clone(whole)
		bad[i] ^= 0x10
		if err := other.SetPart(0, bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	for _, cut := range []int{0, 4, 8, len(whole) - 1} {
		if err := other.SetPart(0, whole[:cut]); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d bytes: %v", cut, err)
		}
	}
	for _, n := range []int{-1, Parts} {
		if err := other.SetPart(n, whole); !errors.Is(err, ErrMalformed) {
			t.Errorf("part %d: %v", n, err)
		}
	}
	if other.Keys() != 0 || other.Bytes() != 0 {
		t.Error("something was taken all the same")
	}
}

func FuzzSetPart(f *testing.F) {
	var sample Filter
	sample.Add(77)
	f.Add(uint16(0), sample.AppendPart(nil, 0, 0))
	f.Add(uint16(3), sample.AppendPart(nil, 3, 0))
	f.Add(uint16(0), []byte("short"))
	f.Fuzz(func(t *testing.T, n uint16, b []byte) {
		if len(b) > 4 && n%2 == 0 { // let the rest of the checks have their turn
			binary.LittleEndian.PutUint32(b, checksum(b[4:]))
		}
		var f Filter
		if err := f.SetPart(int(n), b); err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if again := f.AppendPart(nil, int(n), 0); !bytes.Equal(again, b) {
			t.Fatalf("%x is written as %x", b, again)
		}
		key := uint64(n) << (64 - partBits)
		f.Has(key)
		f.Add(key)
		if !f.Has(key) {
			t.Fatal("a key that was added is not there")
		}
	})
}
