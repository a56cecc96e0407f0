package packfile

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
)

func TestCopiedIndexEqualsThePacks(t *testing.T) {
	r := generator(11)
	for _, c := range []struct {
		class  Class
		chunks []testChunk
	}{{ClassData, dataChunks(r, 20, 300)}, {ClassMeta, nodeChunks(r, 20, 300)}} {
		x, b := pack(t, WriterOptions{Class: c.class, FrameSize: 900}, c.chunks)
		head, _, block := split(b)
		copied, err := x.AppendBinary([]byte("before"))
		if err != nil {
			t.Fatal(err)
		}
		copied = copied[len("before"):]
		if want := append(append(bytes.Clone(head), block...), b[len(b)-TrailerSize:]...); !bytes.Equal(copied, want) {
			t.Fatal("a copied index is not header, index block and trailer of the object")
		}
		got, err := ParseIndex(x.ID, copied)
		if err != nil || !reflect.DeepEqual(got, x) {
			t.Fatalf("ParseIndex = %+v, %v, want %+v", got, err, x)
		}
		for i := range copied {
			if _, err := ParseIndex(x.ID, copied[:i]); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("cut at %d: %v, want ErrCorrupt", i, err)
			}
			copied[i] ^= 0x10
			if _, err := ParseIndex(x.ID, copied); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("bit flipped in byte %d: %v, want ErrCorrupt", i, err)
			}
			copied[i] ^= 0x10
		}
	}
}

func TestPrefixIsTheIDsStart(t *testing.T) {
	id := chunker.Sum([]byte("chunk"))
	if p := PrefixOf(id); !bytes.Equal(p[:], id[:8]) {
		t.Fatalf("PrefixOf(%v) = %x", id, p)
	}
}

func FuzzParseIndex(f *testing.F) {
	x, _ := smallPack(f)
	b, err := x.AppendBinary(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:overhead])
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := ParseIndex(ID{}, b)
		switch {
		case err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnknown):
			t.Fatalf("%v is neither ErrCorrupt nor ErrUnknown", err)
		case err == nil:
			if got, err := x.AppendBinary(nil); err != nil || !bytes.Equal(got, b) {
				t.Fatalf("accepted %x, which is written as %x", b, got)
			}
		}
	})
}
