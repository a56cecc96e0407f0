package packfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"runtime"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// testIndex is consistent, small, and has one of everything.
func testIndex() *Index {
	return &Index{
		Class: ClassMeta,
		Frames: []Frame{
			{Offset: 64, Stored: 10, Raw: 30, Entries: 2, CRC: 1, Codec: CodecZstd},
			{Offset: 74, Stored: 5, Raw: 5, Entries: 1, CRC: 2, Codec: CodecRaw, Extension: 2},
		},
		Entries: []Entry{
			{ID: chunker.ID{1}, Kind: chunker.DirNode, Length: 10, Deps: []DepPrefix{{1}, {2}}},
			{ID: chunker.ID{2}, Kind: chunker.ListNode, Offset: 10, Length: 20},
			{ID: chunker.ID{3}, Kind: chunker.AttrsNode, Frame: 1, Length: 5, Deps: []DepPrefix{{3}}},
		},
		Extensions: []Extension{{Tag: 1, Data: []byte("key")}, {Tag: 300, Data: []byte("base")}},
	}
}

const testIndexOffset = 79

func TestBlockLayout(t *testing.T) {
	b := (&Index{
		Class:   ClassMeta,
		Frames:  []Frame{{Offset: 64, Stored: 0x0A, Raw: 0x12C, Entries: 1, CRC: 0x01020304, Codec: CodecZstd}},
		Entries: []Entry{{ID: chunker.ID{0xAA, 31: 0xBB}, Kind: chunker.AttrsNode, Length: 0x12C, Deps: []DepPrefix{{0xCC, 7: 0xDD}}}},
	}).appendBlock(nil)
	var want []byte
	want = append(want, 1, 0, 0, 0, 1, 0, 0, 0)
	want = append(want, 64, 0, 0, 0, 0, 0, 0, 0, 0x0A, 0, 0, 0, 0x2C, 1, 0, 0, 1, 0, 0, 0, 4, 3, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0)
	want = append(want, 0xAA)
	want = append(want, make([]byte, 30)...)
	want = append(want, 0xBB, 3, 0xAC, 2, 1, 0xCC, 0, 0, 0, 0, 0, 0, 0xDD)
	want = append(want, 0)
	if !bytes.Equal(b, want) {
		t.Fatalf("block is\n%x, want\n%x", b, want)
	}
	if n := blockHeadSize + frameRowSize + entrySize(chunker.AttrsNode, 0x12C, 1) + extensionsNone; n != len(b) {
		t.Fatalf("size is counted as %d, want %d", n, len(b))
	}
}

func TestBlockReadsBack(t *testing.T) {
	want := testIndex()
	got := &Index{Class: ClassMeta}
	if err := got.parseBlock(want.appendBlock(nil), testIndexOffset); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("parsed\n%+v, want\n%+v", got, want)
	}
	unclassed := &Index{}
	if err := unclassed.parseBlock(want.appendBlock(nil), testIndexOffset); err != nil {
		t.Fatalf("without a class: %v", err)
	}
}

func TestBlockThatContradictsItselfIsMalformed(t *testing.T) {
	for name, change := range map[string]func(x *Index){
		"no frames":                    func(x *Index) { x.Frames, x.Entries = nil, nil },
		"first frame not at 64":        func(x *Index) { x.Frames[0].Offset = 63; x.Frames[0].Stored++ },
		"gap between frames":           func(x *Index) { x.Frames[1].Offset++ },
		"frames that overlap":          func(x *Index) { x.Frames[1].Offset-- },
		"huge offset":                  func(x *Index) { x.Frames[1].Offset = -1 },
		"frames short of the block":    func(x *Index) { x.Frames[0].Stored--; x.Frames[1].Offset-- },
		"frame over the limit":         func(x *Index) { x.Frames[0].Raw, x.Entries[1].Length = FrameMax+1, FrameMax+1-10 },
		"raw frame that shrinks":       func(x *Index) { x.Frames[1].Raw, x.Entries[2].Length = 6, 6 },
		"zstd frame that does not":     func(x *Index) { x.Frames[0].Raw, x.Entries[1].Length = 10, 0 },
		"lengths that overflow":        func(x *Index) { x.Entries[0].Length, x.Entries[1].Length = 1<<32-1, 31 },
		"frame without entries":        func(x *Index) { x.Frames[0].Entries, x.Frames[1].Entries = 3, 0 },
		"more entries in the table":    func(x *Index) { x.Frames[1].Entries++ },
		"entry missing":                func(x *Index) { x.Entries = x.Entries[:2] },
		"entry shorter than its frame": func(x *Index) { x.Entries[2].Length-- },
		"entry longer than its frame":  func(x *Index) { x.Entries[2].Length++ },
		"entry past the frame's end":   func(x *Index) { x.Entries[1].Length++ },
		"empty entry":                  func(x *Index) { x.Entries[0].Length, x.Entries[1].Length = 0, 30 },
		"data among nodes":             func(x *Index) { x.Entries[1].Kind = chunker.Data },
		"extension that is not there":  func(x *Index) { x.Frames[0].Extension = 3 },
	} {
		x := testIndex()
		change(x)
		got := &Index{Class: ClassMeta}
		if err := got.parseBlock(x.appendBlock(nil), testIndexOffset); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
	empty := (&Index{}).appendBlock(nil)
	if err := (&Index{}).parseBlock(empty, HeaderSize); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("no frames, right behind the header: %v, want ErrMalformed", err)
	}
	node := testIndex()
	got := &Index{Class: ClassData}
	if err := got.parseBlock(node.appendBlock(nil), testIndexOffset); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("nodes among data: %v, want ErrMalformed", err)
	}
}

func TestBlockOfHostileCountsIsMalformed(t *testing.T) {
	b := testIndex().appendBlock(nil)
	entries := blockHeadSize + 2*frameRowSize
	for name, change := range map[string]func(b []byte) []byte{
		"frames":             func(b []byte) []byte { return put32(b, 0, 1<<32-1) },
		"entries":            func(b []byte) []byte { return put32(b, 4, 1<<32-1) },
		"one entry more":     func(b []byte) []byte { return put32(b, 4, 4) },
		"one entry fewer":    func(b []byte) []byte { return put32(b, 4, 2) },
		"entries of a frame": func(b []byte) []byte { return put32(b, blockHeadSize+16, 1<<32-1) },
		"dependencies":       func(b []byte) []byte { b[entries+34] = 0x7F; return b },
		"extensions":         func(b []byte) []byte { b[len(b)-13] = 0x7F; return b },
		"extension's bytes":  func(b []byte) []byte { b[len(b)-5] = 0x7F; return b },
		"bytes left over":    func(b []byte) []byte { return append(b, 0) },
	} {
		x := &Index{Class: ClassMeta}
		if err := x.parseBlock(change(bytes.Clone(b)), testIndexOffset); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
	for i := range b {
		x := &Index{Class: ClassMeta}
		if err := x.parseBlock(b[:i], testIndexOffset); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("cut at %d: %v, want ErrMalformed", i, err)
		}
	}
}

func TestEntryCountAllocatesNoMoreThanTheBlockHolds(t *testing.T) {
	x := testIndex()
	x.Frames = []Frame{{Offset: HeaderSize, Stored: 1, Raw: ChunkMax, Entries: ChunkMax, Codec: CodecZstd}}
	b := put32(x.appendBlock(nil), 4, ChunkMax)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := (&Index{}).parseBlock(b, HeaderSize+1)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, wire.ErrMalformed) || n > 1<<20 {
		t.Errorf("block of %d bytes: %v, %d bytes allocated", len(b), err, n)
	}
}

func put32(b []byte, at int, v uint32) []byte {
	binary.LittleEndian.PutUint32(b[at:], v)
	return b
}

func TestBlockOfNewerFormIsUnknown(t *testing.T) {
	for name, change := range map[string]func(b []byte){
		"frame flags":      func(b []byte) { b[blockHeadSize+25] = 1 },
		"frame's end":      func(b []byte) { b[blockHeadSize+31] = 1 },
		"kind of an entry": func(b []byte) { b[blockHeadSize+2*frameRowSize+32] = 200 },
	} {
		b := testIndex().appendBlock(nil)
		change(b)
		x := &Index{Class: ClassMeta}
		if err := x.parseBlock(b, testIndexOffset); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v, want ErrUnknown", name, err)
		}
	}
	x := testIndex()
	x.Frames[1].Codec = 77 // the other frames can be read
	got := &Index{Class: ClassMeta}
	if err := got.parseBlock(x.appendBlock(nil), testIndexOffset); err != nil {
		t.Errorf("unknown codec: %v", err)
	}
}

func FuzzBlock(f *testing.F) {
	f.Add(testIndex().appendBlock(nil), int64(testIndexOffset), uint8(ClassMeta))
	x, b := smallPack(f)
	_, _, block := split(b)
	f.Add(block, framesEnd(x.Frames), uint8(ClassData))
	f.Add(block, framesEnd(x.Frames), uint8(0))
	f.Fuzz(func(t *testing.T, b []byte, end int64, class uint8) {
		x := &Index{Class: Class(class)}
		if x.parseBlock(b, end) != nil {
			return
		}
		if got := x.appendBlock(nil); !bytes.Equal(got, b) {
			t.Fatalf("accepted %x, which is written as %x", b, got)
		}
		for _, e := range x.Entries {
			if int64(e.Offset)+int64(e.Length) > int64(x.Frames[e.Frame].Raw) {
				t.Fatalf("entry %+v is outside of its frame", e)
			}
		}
	})
}
