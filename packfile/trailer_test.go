package packfile

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"testing"

	"github.com/artifortress/afs-engine/packfile/wire"
)

func testTrailer() trailer {
	return trailer{indexOffset: 0x010203, indexLength: 0x0405, digest: [32]byte{0xD0, 31: 0xDF}}
}

const testTrailerSize = 0x010203 + 0x0405 + TrailerSize // of the object

func TestTrailerLayout(t *testing.T) {
	want := "0302010000000000" + "05040000" + "00000000" +
		"d0" + "000000000000000000000000000000000000000000000000000000000000" + "df" + "00000000"
	b := testTrailer().append(nil)
	if len(b) != TrailerSize || hex.EncodeToString(b[:52]) != want || string(b[56:]) != "AFSPEND\x01" {
		t.Fatalf("trailer is\n%x, want\n%s", b, want)
	}
	got, err := parseTrailer(b, testTrailerSize)
	if err != nil || got != testTrailer() {
		t.Fatalf("parsed %+v, %v", got, err)
	}
}

func TestDamagedTrailerIsMalformed(t *testing.T) {
	for i := range TrailerSize {
		b := testTrailer().append(nil)
		b[i] ^= 1
		if _, err := parseTrailer(b, testTrailerSize); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("bit flipped in byte %d: %v, want ErrMalformed", i, err)
		}
		if _, err := parseTrailer(b[:i], testTrailerSize); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("cut at %d: %v, want ErrMalformed", i, err)
		}
	}
}

func TestTrailerMustPointRightBeforeItself(t *testing.T) {
	for _, c := range []struct {
		offset uint64
		length uint32
		size   int64
	}{
		{1000, 100, 1000 + 100 + TrailerSize - 1},
		{1000, 100, 1000 + 100 + TrailerSize + 1},
		{HeaderSize, 100, HeaderSize + 100 + TrailerSize}, // no frame
		{0, 100, 100 + TrailerSize},
		{1000, 0, 1000 + TrailerSize},
		{1000, IndexMax + 1, 1000 + IndexMax + 1 + TrailerSize},
		{math.MaxInt64 - 50, 100, math.MinInt64 + 113}, // the sum overflows
		{math.MaxUint64, 65, TrailerSize + 64},
	} {
		b := testTrailer().append(nil)
		binary.LittleEndian.PutUint64(b, c.offset)
		binary.LittleEndian.PutUint32(b[8:], c.length)
		binary.LittleEndian.PutUint32(b[52:], checksum(b[:52]))
		if got, err := parseTrailer(b, c.size); !errors.Is(err, wire.ErrMalformed) || got.fits(c.size) {
			t.Errorf("index block of %d at %d in an object of %d: %v, want ErrMalformed", c.length, c.offset, c.size, err)
		}
	}
}

func TestTrailerOfNewerFormIsUnknown(t *testing.T) {
	for _, at := range []int{12, 48} {
		b := testTrailer().append(nil)
		b[at] = 1
		binary.LittleEndian.PutUint32(b[52:], checksum(b[:52]))
		if _, err := parseTrailer(b, testTrailerSize); !errors.Is(err, ErrUnknown) {
			t.Errorf("byte %d in use: %v, want ErrUnknown", at, err)
		}
	}
}

func FuzzTrailer(f *testing.F) {
	f.Add(testTrailer().append(nil), int64(testTrailerSize))
	f.Add(testTrailer().append(nil), int64(-1))
	f.Fuzz(func(t *testing.T, b []byte, size int64) {
		if len(b) == TrailerSize { // let the fuzzer get past the checksum
			b = append([]byte(nil), b...)
			binary.LittleEndian.PutUint32(b[52:], checksum(b[:52]))
			copy(b[56:], trailerMagic)
		}
		got, err := parseTrailer(b, size)
		if err == nil && string(got.append(nil)) != string(b) {
			t.Fatalf("accepted %x, which is written as %x", b, got.append(nil))
		}
		if got.fits(size) && (got.indexOffset >= size || got.indexLength > IndexMax) {
			t.Fatalf("%+v does not fit into %d bytes", got, size)
		}
	})
}
