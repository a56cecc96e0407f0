package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
)

func TestPiecesAreTakenInOrder(t *testing.T) {
	id := chunker.Sum([]byte("x"))
	b := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	b = append(b, id[:]...)
	b = binary.AppendUvarint(b, 300)
	b = binary.AppendVarint(b, -300)
	b = AppendCounted(b, "name")
	b = AppendCounted(b, []byte{})
	r := NewReader(b)
	if v := r.U8(); v != 1 {
		t.Errorf("U8 = %x", v)
	}
	if v := r.U16(); v != 0x0302 {
		t.Errorf("U16 = %x", v)
	}
	if v := r.U32(); v != 0x07060504 {
		t.Errorf("U32 = %x", v)
	}
	if v := r.U64(); v != 0x0F0E0D0C0B0A0908 {
		t.Errorf("U64 = %x", v)
	}
	if r.Pos() != 15 || r.Len() != len(b)-15 {
		t.Errorf("Pos %d, Len %d", r.Pos(), r.Len())
	}
	if v := r.ID(); v != id {
		t.Errorf("ID = %v", v)
	}
	if v := r.Uvarint(300); v != 300 {
		t.Errorf("Uvarint = %d", v)
	}
	if v := r.Varint(); v != -300 {
		t.Errorf("Varint = %d", v)
	}
	if v := r.Counted(4); string(v) != "name" {
		t.Errorf("Counted = %q", v)
	}
	if v := r.Counted(0); v == nil || len(v) != 0 {
		t.Errorf("empty Counted = %v", v)
	}
	if err := r.Done(); err != nil {
		t.Error(err)
	}
}

func TestVarintsKeepTheirValue(t *testing.T) {
	for _, v := range []int64{0, 1, -1, 63, -64, 64, math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64} {
		r := NewReader(binary.AppendVarint(nil, v))
		if got := r.Varint(); got != v || r.Done() != nil {
			t.Errorf("Varint = %d, %v, want %d", got, r.Err(), v)
		}
		r = NewReader(binary.AppendUvarint(nil, uint64(v)))
		if got := r.Uvarint(math.MaxUint64); got != uint64(v) || r.Done() != nil {
			t.Errorf("Uvarint = %d, %v, want %d", got, r.Err(), uint64(v))
		}
	}
}

func TestMalformedBytesAreErrors(t *testing.T) {
	for name, c := range map[string]struct {
		b    []byte
		read func(r *Reader)
	}{
		"U8 of nothing":            {nil, func(r *Reader) { r.U8() }},
		"U16 of one byte":          {[]byte{1}, func(r *Reader) { r.U16() }},
		"U32 of three":             {[]byte{1, 2, 3}, func(r *Reader) { r.U32() }},
		"U64 of seven":             {make([]byte, 7), func(r *Reader) { r.U64() }},
		"ID of 31":                 {make([]byte, 31), func(r *Reader) { r.ID() }},
		"more bytes than there":    {make([]byte, 5), func(r *Reader) { r.Bytes(6) }},
		"negative number of bytes": {make([]byte, 5), func(r *Reader) { r.Bytes(-1) }},
		"varint cut short":         {[]byte{0x80}, func(r *Reader) { r.Uvarint(math.MaxUint64) }},
		"varint of 11 bytes":       {bytes.Repeat([]byte{0xFF}, 11), func(r *Reader) { r.Uvarint(math.MaxUint64) }},
		"varint not minimal":       {[]byte{0x81, 0}, func(r *Reader) { r.Uvarint(math.MaxUint64) }},
		"varint over its limit":    {[]byte{11}, func(r *Reader) { r.Uvarint(10) }},
		"count over the bytes":     {[]byte{3, 0, 0, 0, 0}, func(r *Reader) { r.Count(2) }},
		"length over the bytes":    {[]byte{3, 0, 0}, func(r *Reader) { r.Counted(100) }},
		"length over the limit":    {[]byte{3, 0, 0, 0}, func(r *Reader) { r.Counted(2) }},
		"bytes left over":          {[]byte{3}, func(*Reader) {}},
		"an error of the caller":   {[]byte{3}, func(r *Reader) { r.U8(); r.Failf("no") }},
	} {
		r := NewReader(c.b)
		c.read(r)
		if err := r.Done(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
}

func TestFirstErrorSticks(t *testing.T) {
	r := NewReader([]byte{1, 2, 3, 4})
	r.U8()
	r.Failf("first")
	first := r.Err()
	r.Failf("second")
	if r.U8() != 0 || r.U32() != 0 || r.Bytes(1) != nil || r.Uvarint(9) != 0 || r.Count(1) != 0 || !r.ID().IsZero() || r.Len() != 0 {
		t.Error("reads go on after an error")
	}
	if r.Done() != first || r.Err().Error() != "malformed: at byte 1: first" {
		t.Errorf("error is %v, want %v", r.Err(), first)
	}
}

func TestTakenBytesCannotBeAppendedInto(t *testing.T) {
	b := []byte{1, 2, 3}
	_ = append(NewReader(b).Bytes(1), 9)
	if b[1] != 2 {
		t.Error("append to a taken slice changed what follows it")
	}
}

func TestZeroReaderIsEmpty(t *testing.T) {
	var r Reader
	if r.Len() != 0 || r.Done() != nil {
		t.Error("zero Reader is not empty")
	}
}

// Whatever is asked of whatever bytes, the cursor stays inside them.
func FuzzReader(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9}, []byte{0, 1, 2, 3, 4, 5, 6, 7, 8})
	f.Add([]byte{0x80, 0x80, 1}, []byte{5, 7})
	f.Add([]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1}, []byte{8, 9})
	f.Fuzz(func(t *testing.T, b, ops []byte) {
		r := NewReader(b)
		for _, op := range ops {
			before, left := r.Pos(), r.Len()
			switch op % 10 {
			case 0:
				r.U8()
			case 1:
				r.U16()
			case 2:
				r.U32()
			case 3:
				r.U64()
			case 4:
				r.ID()
			case 5:
				if v := r.Uvarint(1 << 40); r.Err() == nil && !bytes.Equal(binary.AppendUvarint(nil, v), b[before:r.Pos()]) {
					t.Fatalf("Uvarint of %x = %d", b[before:r.Pos()], v)
				}
			case 6:
				if v := r.Varint(); r.Err() == nil && !bytes.Equal(binary.AppendVarint(nil, v), b[before:r.Pos()]) {
					t.Fatalf("Varint of %x = %d", b[before:r.Pos()], v)
				}
			case 7:
				if n := r.Count(int(op) / 10); n > left {
					t.Fatalf("Count = %d with %d bytes left", n, left)
				}
			case 8:
				if v := r.Counted(int(op)); len(v) > int(op) {
					t.Fatalf("Counted(%d) has %d bytes", op, len(v))
				}
			case 9:
				r.Bytes(int(op) - 100)
			}
			if r.Pos() < before || r.Pos()+r.Len() != len(b) {
				t.Fatalf("cursor is at %d with %d left of %d", r.Pos(), r.Len(), len(b))
			}
			if r.Err() != nil && !errors.Is(r.Err(), ErrMalformed) {
				t.Fatal(r.Err())
			}
		}
	})
}
