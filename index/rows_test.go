package index

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// Checkpoints hold these rows: their bytes may never change under one schema.
func TestRowsAreWhatTheyHaveAlwaysBeen(t *testing.T) {
	id := [32]byte(bytes.Repeat([]byte{0xAB}, 32))
	ids := string(id[:])
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		"chunk key":     {chunkKey(id), "c\x00\x00\x00\x00" + ids},
		"frame key":     {frameKey(1, 0x20000), "f\x00\x00\x00\x01\x00\x02\x00\x00"},
		"pack key":      {packKey(0x01020304), "p\x01\x02\x03\x04"},
		"pack id key":   {packIDKey(id), "i" + ids},
		"pack id value": {packKey(0x01020304)[1:], "\x01\x02\x03\x04"},
		"registry key":  {rowKey([]byte("key")), "rkey"},
		"location": {Location{Pack: 1, Frame: 2, Offset: 3, Length: 4, Refs: 5, Kind: chunker.AttrsNode}.encode(),
			"\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04\x00\x00\x00\x05\x00\x00\x00\x03\x00"},
		"frame": {encodeFrame(packfile.Frame{Offset: 1, Stored: 2, Raw: 3, Entries: 4, CRC: 5, Codec: 1}),
			"\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04\x00\x00\x00\x05\x00\x00\x00\x01"},
		"pack": {Pack{ID: id, Class: 2, Size: 3, Chunks: 4, Raw: 5, LiveRaw: 6}.encode(),
			ids + "\x02\x03\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00"},
		"totals": {Totals{Chunks: 1, UniqueBytes: 2, Nodes: 3, NodeBytes: 4, Packs: 5, PackBytes: 6, NextPack: 7}.encode(),
			"\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00" +
				"\x05\x00\x00\x00\x00\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00"},
	} {
		if string(c.got) != c.want {
			t.Errorf("%s: %q, want %q", name, c.got, c.want)
		}
	}
}

func TestRowsReadBack(t *testing.T) {
	loc := Location{math.MaxUint32, math.MaxUint32, math.MaxUint32, math.MaxUint32, math.MaxUint32, chunker.ListNode}
	if got, err := decodeLocation(loc.encode()); err != nil || got != loc {
		t.Errorf("%+v, %v", got, err)
	}
	f := packfile.Frame{Offset: math.MaxInt64, Stored: 1, Raw: 2, Entries: 3, CRC: 4, Codec: packfile.CodecZstd}
	if got, err := decodeFrame(encodeFrame(f)); err != nil || got != f {
		t.Errorf("%+v, %v", got, err)
	}
	p := Pack{ID: packfile.ID{1}, Class: packfile.ClassMeta, Size: math.MaxInt64, Chunks: 2, Raw: 3, LiveRaw: 4}
	if got, err := decodePack(p.encode()); err != nil || got != p {
		t.Errorf("%+v, %v", got, err)
	}
	tot := Totals{1, 2, 3, 4, 5, 6, math.MaxUint64}
	if got, err := decodeTotals(tot.encode()); err != nil || got != tot {
		t.Errorf("%+v, %v", got, err)
	}
}

// Rows are checked where they are read, too: who made the directory is unknown.
func TestBadRowsAreErrorsWhereTheyAreRead(t *testing.T) {
	db := newDB(t)
	id := idOf(1, 0)
	for _, key := range [][]byte{chunkKey(id), frameKey(0, 0), packKey(0), packIDKey(packfile.ID(id)), {tableTotals}, {tablePack}, {tablePack, 1, 2, 3, 4, 5}} {
		check(t, db.p.Set(key, []byte("bad"), pebble.NoSync))
	}
	read := map[string]func() error{
		"Lookup":     func() error { _, _, err := db.Lookup(id); return err },
		"Frame":      func() error { _, err := db.Frame(0, 0); return err },
		"Pack":       func() error { _, err := db.Pack(0); return err },
		"PackNumber": func() error { _, _, err := db.PackNumber(packfile.ID(id)); return err },
		"Totals":     func() error { _, err := db.Totals(); return err },
		"NewBatch":   func() error { _, err := db.NewBatch(); return err },
		"Packs":      func() error { return db.Packs(0, func(uint32, Pack) error { return nil }) },
	}
	for name, f := range read {
		if err := f(); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	check(t, db.p.Delete(packKey(0), pebble.NoSync))
	for _, key := range [][]byte{{tablePack}, {tablePack, 1, 2, 3, 4, 5}} {
		check(t, db.p.Set(key, Pack{}.encode(), pebble.NoSync))
		if err := read["Packs"](); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("Packs with key %q: %v", key, err)
		}
	}
}

func FuzzRows(f *testing.F) {
	f.Add(chunkKey(idOf(1, 2)), Location{Length: 5}.encode())
	f.Add(frameKey(1, 2), encodeFrame(packfile.Frame{Raw: 7}))
	f.Add(packKey(3), Pack{Size: 5}.encode())
	f.Add(packIDKey(packfile.ID{1}), packKey(3)[1:])
	f.Add([]byte{tableTotals}, Totals{Packs: 5}.encode())
	f.Add(rowKey([]byte("key")), []byte("value"))
	f.Fuzz(func(t *testing.T, k, v []byte) {
		if checkRow(k, v) != nil {
			return
		}
		var again []byte
		switch k[0] {
		case tableChunk:
			x, _ := decodeLocation(v)
			again = x.encode()
		case tableFrame:
			x, _ := decodeFrame(v)
			again = encodeFrame(x)
		case tablePack:
			x, _ := decodePack(v)
			again = x.encode()
		case tableTotals:
			x, _ := decodeTotals(v)
			again = x.encode()
		case tablePackID:
			n, _ := packNumberIn(v)
			again = packKey(n)[1:]
		case tableRow:
			again = v
		default:
			t.Fatalf("a row of table %q was let pass", k[0])
		}
		if !bytes.Equal(again, v) {
			t.Fatalf("%x is written as %x", v, again)
		}
	})
}
