package packfile

import (
	"encoding/hex"
	"errors"
	"testing"

	"github.com/artifortress/afs-engine/packfile/wire"
)

func testHeader() header {
	return header{class: ClassMeta, nonce: [16]byte{1, 2, 3, 15: 16}, domain: 0x01020304, compat: 5, roCompat: 6}
}

func TestHeaderLayout(t *testing.T) {
	want := "4146535041434b01" + "0100" + "4000" + "02" + "000000" +
		"01020300000000000000000000000010" + "04030201" + "05000000" + "06000000" + "00000000" +
		"000000000000000000000000"
	b := testHeader().append(nil)
	if len(b) != HeaderSize || hex.EncodeToString(b[:60]) != want {
		t.Fatalf("header is\n%x, want\n%s", b, want)
	}
	h, err := parseHeader(b)
	if err != nil || h != testHeader() {
		t.Fatalf("parsed %+v, %v", h, err)
	}
}

// patchHeader changes a byte and makes the checksum right.
func patchHeader(at int, v byte) []byte {
	b := testHeader().append(nil)
	b[at] = v
	return appendU32(b[:60], checksum(b[:60]))
}

func TestHeaderOfNewerFormIsUnknown(t *testing.T) {
	for name, b := range map[string][]byte{
		"version":       patchHeader(8, 2),
		"length":        patchHeader(10, 80),
		"class":         patchHeader(12, 3),
		"class 0":       patchHeader(12, 0),
		"after class":   patchHeader(13, 1),
		"incompatible":  patchHeader(47, 0x80),
		"key id":        patchHeader(48, 1),
		"end of key id": patchHeader(59, 1),
	} {
		if _, err := parseHeader(b); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v, want ErrUnknown", name, err)
		}
	}
	if _, err := parseHeader(patchHeader(36, 0xFF)); err != nil {
		t.Errorf("unknown compatible flags: %v", err)
	}
	if h, err := parseHeader(patchHeader(40, 0xFF)); err != nil || h.roCompat != 0xFF {
		t.Errorf("unknown read-only compatible flags: %x, %v", h.roCompat, err)
	}
}

func TestDamagedHeaderIsMalformed(t *testing.T) {
	if _, err := parseHeader(patchHeader(0, 'B')); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("another format's magic: %v, want ErrMalformed", err)
	}
	for i := range HeaderSize {
		b := testHeader().append(nil)
		b[i] ^= 1
		if _, err := parseHeader(b); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("bit flipped in byte %d: %v, want ErrMalformed", i, err)
		}
		if _, err := parseHeader(b[:i]); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("cut at %d: %v, want ErrMalformed", i, err)
		}
	}
}

func FuzzHeader(f *testing.F) {
	f.Add(testHeader().append(nil))
	f.Add(patchHeader(8, 2))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == HeaderSize { // let the fuzzer get past the checksum
			b = appendU32(append([]byte(nil), b[:60]...), checksum(b[:60]))
		}
		h, err := parseHeader(b)
		if err == nil && string(h.append(nil)) != string(b) {
			t.Fatalf("accepted %x, which is written as %x", b, h.append(nil))
		}
	})
}
