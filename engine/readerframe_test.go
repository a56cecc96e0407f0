package engine

import (
	"encoding/binary"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/index"
)

// place is a chunk in a frame, as the index has it.
type place struct {
	loc index.Location
	id  chunker.ID
}

// frameOf is a frame of n bytes in chunks of size, all different.
func frameOf(n, size int) (*frame, []place) {
	raw := make([]byte, n)
	var all []place
	for at := 0; at+size <= n; at += size {
		b := raw[at : at+size]
		binary.LittleEndian.PutUint64(b, uint64(at))
		all = append(all, place{
			index.Location{Offset: uint32(at), Length: uint32(size), Kind: chunker.Data},
			chunker.Sum(b),
		})
	}
	return newFrame(raw), all
}

func TestWhatIsKnownOfTinyChunksTakesLittle(t *testing.T) {
	f, all := frameOf(256<<10, 16)
	for _, p := range all {
		if _, ok := f.chunk(p.loc, p.id); !ok {
			t.Fatalf("the chunk at %d is not good", p.loc.Offset)
		}
	}
	remembered := 0
	for i := range f.checked {
		if f.checked[i].Load() != nil {
			remembered++
		}
	}
	if n := len(all); remembered == 0 || remembered > n/100 {
		t.Errorf("%d of %d chunks are remembered", remembered, n)
	}
	if n := cap(f.raw); int(f.size()) < n || int(f.size()) > n+n/20 {
		t.Errorf("a frame of %d bytes counts as %d", n, f.size())
	}
}

func TestAKnownChunkIsNotHashedAgain(t *testing.T) {
	f, all := frameOf(256<<10, slotRange)
	for range 2 {
		for _, p := range all {
			if _, ok := f.chunk(p.loc, p.id); !ok {
				t.Fatalf("the chunk at %d is not good", p.loc.Offset)
			}
		}
		clear(f.raw) // the second time it would not be good
	}
}

func TestWhatIsKnownOfAChunkIsOfThatOne(t *testing.T) {
	f, all := frameOf(64<<10, 1<<10)
	good := all[0]
	other, longer, beyond := good, good, good
	other.id = all[1].id
	longer.loc.Length++
	beyond.loc.Offset = uint32(len(f.raw))
	for range 2 {
		if _, ok := f.chunk(good.loc, good.id); !ok {
			t.Error("the chunk is not good")
		}
		for name, p := range map[string]place{"other id": other, "longer": longer, "behind the frame": beyond} {
			if _, ok := f.chunk(p.loc, p.id); ok {
				t.Errorf("%s: taken for the chunk that was checked", name)
			}
		}
	}
}
