package packfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/blake3"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// changed is data with a few bytes of it replaced.
func changed(r *rand.Rand, data []byte) []byte {
	b := bytes.Clone(data)
	for range 1 + len(b)/4096 {
		b[r.IntN(len(b))] ^= 0x55
	}
	return b
}

// family is chunks of random bytes, stored elsewhere, and a change of each.
func family(r *rand.Rand, n, size int) (old, young []testChunk) {
	for range n {
		data := randomBytes(r, size/2+r.IntN(size/2))
		old = append(old, testChunk{chunker.Sum(data), chunker.Data, data, nil})
		data = changed(r, data)
		young = append(young, testChunk{chunker.Sum(data), chunker.Data, data, nil})
	}
	return old, young
}

func addDeltas(t testing.TB, w *Writer, old, young []testChunk) {
	t.Helper()
	for i, c := range young {
		if err := w.AddDelta(c.id, c.data, false, []Base{{old[i].id, old[i].data, uint64(i / 8)}}); err != nil {
			t.Fatal(err)
		}
	}
}

// basesOf reads bases from a list.
func basesOf(chunks []testChunk) Bases {
	return func(dst []byte, ids []chunker.ID) ([]byte, error) {
		for _, id := range ids {
			found := false
			for _, c := range chunks {
				if found = c.id == id; found {
					dst = append(dst, c.data...)
					break
				}
			}
			if !found {
				return dst, errNoSuchBase
			}
		}
		return dst, nil
	}
}

var errNoSuchBase = fmt.Errorf("%w: none such", ErrLost)

// deltaPack has delta frames and, between their chunks, others.
func deltaPack(t testing.TB, workers int) (x *Index, b []byte, old, all []testChunk) {
	r := generator(11)
	old, young := family(r, 60, 16<<10)
	plain := dataChunks(r, 60, 16<<10)
	w := newWriter(t, WriterOptions{Class: ClassData, Workers: workers, FrameSize: 256 << 10})
	for i := range young {
		addDeltas(t, w, old[i:i+1], young[i:i+1])
		add(t, w, plain[i:i+1])
	}
	x, b = seal(t, w)
	return x, b, old, append(young, plain...)
}

func TestDeltasReadBack(t *testing.T) {
	x, b, old, all := deltaPack(t, 2)
	if x2, b2, _, _ := deltaPack(t, 7); x2.ID != x.ID || !bytes.Equal(b, b2) {
		t.Error("the number of workers shows in the pack")
	}
	deltas := 0
	for i, f := range x.Frames {
		if f.Codec != CodecDelta {
			continue
		}
		deltas++
		if f.Stored > f.Raw/8 {
			t.Errorf("frame %d: %d bytes, nearly all of them in its bases, take %d", i, f.Raw, f.Stored)
		}
	}
	if deltas == 0 || deltas == len(x.Frames) {
		t.Fatalf("%d delta frames of %d", deltas, len(x.Frames))
	}
	s := storeWith(t, x.ID, b)
	want := map[chunker.ID][]byte{}
	for _, c := range all {
		want[c.id] = c.data
	}
	seen := 0
	visit := func(e Entry, data []byte) error {
		if !bytes.Equal(data, want[e.ID]) {
			t.Errorf("chunk %s has other bytes", e.ID)
		}
		seen++
		return nil
	}
	if _, err := Scan(context.Background(), s, x.ID, basesOf(old), visit, func(c *CorruptError) { t.Error(c) }); err != nil || seen != len(all) {
		t.Errorf("scan: %d chunks of %d, %v", seen, len(all), err)
	}
	seen = 0
	if _, err := Check(context.Background(), s, x.ID, x.Size, 1, basesOf(old), visit); err != nil || seen != len(all) {
		t.Errorf("check: %d chunks of %d, %v", seen, len(all), err)
	}
	again, err := ReadIndex(context.Background(), s, x.ID, x.Size)
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for i, f := range again.Frames {
		raw, err := ReadFrame(context.Background(), s, x.ID, f, nil, basesOf(old))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range again.Entries[at : at+int(f.Entries)] {
			if e.Frame != uint32(i) || !bytes.Equal(raw[e.Offset:e.Offset+e.Length], want[e.ID]) {
				t.Errorf("chunk %s is not where its entry says", e.ID)
			}
		}
		at += int(f.Entries)
		wantBases(t, again, i, f, s, old)
	}
}

// wantBases compares what frame, index block and tests know about bases.
func wantBases(t *testing.T, x *Index, i int, f Frame, s backends.Store, old []testChunk) {
	t.Helper()
	said := x.Bases(i)
	d, err := ReadDelta(context.Background(), s, x.ID, f)
	if f.Codec != CodecDelta {
		if said != nil || !errors.Is(err, ErrCorrupt) {
			t.Errorf("frame %d with codec %v has bases %v, %v", i, f.Codec, said, err)
		}
		return
	}
	if err != nil || len(said) != len(d.Bases) {
		t.Fatalf("frame %d: %d bases, the block says %d; %v", i, len(d.Bases), len(said), err)
	}
	for j, id := range d.Bases {
		if PrefixOf(id) != said[j] {
			t.Errorf("frame %d: base %d differs", i, j)
		}
	}
	for _, o := range d.own {
		own := d.Of(o.offset)
		if len(own) != 1 {
			t.Fatalf("frame %d: the chunk at %d has %d bases", i, o.offset, len(own))
		}
	}
	if d.Of(f.Raw) != nil || d.Of(1) != nil {
		t.Error("bases of no chunk")
	}
}

func TestDeltaWithoutItsBases(t *testing.T) {
	x, b, old, all := deltaPack(t, 2)
	s := storeWith(t, x.ID, b)
	i := 0
	for x.Frames[i].Codec != CodecDelta {
		i++
	}
	f := x.Frames[i]
	if _, err := ReadFrame(context.Background(), s, x.ID, f, nil, nil); !errors.Is(err, ErrNoBases) || errors.Is(err, ErrCorrupt) {
		t.Errorf("without bases: %v", err)
	}
	if _, err := ReadFrame(context.Background(), s, x.ID, f, nil, basesOf(nil)); !errors.Is(err, errNoSuchBase) || errors.Is(err, ErrCorrupt) {
		t.Errorf("a base is missing: %v; it is not this pack that is corrupt", err)
	}
	// The wrong bytes for a base give wrong bytes, which no id fits, or an error.
	wrong := make([]testChunk, len(old))
	for j, c := range old {
		wrong[j] = testChunk{c.id, c.kind, randomBytes(generator(byte(j)), len(c.data)), nil}
	}
	lost, sound := 0, 0
	visit := func(e Entry, data []byte) error {
		if chunker.Sum(data) != e.ID {
			t.Errorf("chunk %s with wrong bytes was given out", e.ID)
		}
		sound++
		return nil
	}
	for _, bases := range []Bases{basesOf(wrong), basesOf(nil)} {
		lost, sound = 0, 0
		_, err := Scan(context.Background(), s, x.ID, bases, visit, func(c *CorruptError) { lost += len(c.Lost) })
		if err != nil || lost == 0 || lost+sound != len(all) {
			t.Errorf("%d chunks lost, %d sound, of %d: %v", lost, sound, len(all), err)
		}
		if _, err := Check(context.Background(), s, x.ID, x.Size, 2, bases, func(Entry, []byte) error { return nil }); err == nil {
			t.Error("a pack whose bases are not there passed")
		}
	}
	large := func(dst []byte, _ []chunker.ID) ([]byte, error) { return append(dst, make([]byte, DictMax+1)...), nil }
	if _, err := ReadFrame(context.Background(), s, x.ID, f, nil, large); !errors.Is(err, ErrCorrupt) {
		t.Errorf("bases without bound: %v", err)
	}
}

func TestWhatDoesNotHelpIsNoDelta(t *testing.T) {
	r := generator(3)
	old, young := family(r, 2, 8<<10)
	half := append(randomBytes(r, 20<<10), text(r, 40<<10)...)
	text := testChunk{kind: chunker.Data, data: half}
	text.id = chunker.Sum(text.data)
	big := testChunk{kind: chunker.Data, data: randomBytes(r, DeltaMax+1)}
	big.id = chunker.Sum(big.data)
	many := make([]Base, BasesMax+1)
	for i := range many {
		many[i] = Base{ID: chunker.ID{byte(i), byte(i >> 8)}, Data: []byte{1}}
	}
	for name, c := range map[string]struct {
		chunk testChunk
		bases []Base
	}{
		"strangers":    {young[0], []Base{{old[1].id, old[1].data, 1}}},
		"other text":   {text, []Base{{old[1].id, old[1].data, 1}}},
		"no bases":     {young[0], nil},
		"too large":    {big, []Base{{old[0].id, old[0].data, 1}}},
		"too many":     {young[0], many},
		"large bases":  {young[0], []Base{{big.id, big.data, 1}, {text.id, append(big.data, big.data...), 1}}},
		"many frames":  {young[0], []Base{{old[0].id, old[0].data, 1}, {ID: chunker.ID{2}, Frame: 2}, {ID: chunker.ID{3}, Frame: 3}, {ID: chunker.ID{4}, Frame: 4}, {ID: chunker.ID{5}, Frame: 5}}},
		"empty chunks": {young[0], []Base{{ID: chunker.ID{9}, Frame: 1}}},
	} {
		w := newWriter(t, WriterOptions{Class: ClassData})
		if err := w.AddDelta(c.chunk.id, c.chunk.data, false, c.bases); err != nil {
			t.Fatal(name, err)
		}
		x, b := seal(t, w)
		if len(x.Frames) != 1 || x.Frames[0].Codec == CodecDelta || len(x.Extensions) > 0 {
			t.Errorf("%s: %+v", name, x.Frames)
		}
		if _, err := Scan(context.Background(), storeWith(t, x.ID, b), x.ID, nil, nil, func(c *CorruptError) { t.Error(name, c) }); err != nil {
			t.Error(name, err)
		}
	}
}

func TestDeltaRejectsWhatItsBytesDoNotSay(t *testing.T) {
	x, b, old, _ := deltaPack(t, 2)
	_, frames, _ := split(b)
	i := 0
	for x.Frames[i].Codec != CodecDelta {
		i++
	}
	f := x.Frames[i]
	good := frames[f.Offset-HeaderSize:][:f.Stored]
	want, err := f.Decode(nil, good, basesOf(old))
	if err != nil {
		t.Fatal(err)
	}
	for at := range good {
		bad := bytes.Clone(good)
		bad[at] ^= 1 << (at % 8)
		if _, err := f.Decode(nil, bad, basesOf(old)); !errors.Is(err, wire.ErrMalformed) {
			t.Fatalf("bit flipped in byte %d: %v", at, err)
		}
		g := f
		g.CRC = checksum(bad) // as a hostile writer would
		got, err := g.Decode(nil, bad, basesOf(old))
		if err == nil && len(got) != len(want) {
			t.Fatalf("byte %d: %d bytes", at, len(got))
		}
		_, _ = g.Delta(bad)
	}
}

func TestTheIndexBlockMustSayWhatADeltaRefersTo(t *testing.T) {
	x, b, old, _ := deltaPack(t, 2)
	head, frames, _ := split(b)
	none := func(Entry, []byte) error { return nil }
	for name, lie := range map[string]func(y *Index){
		"another base": func(y *Index) { y.Extensions[0].Data[3] ^= 1 },
		"one less":     func(y *Index) { y.Extensions[0].Data = y.Extensions[0].Data[depPrefixSize:] },
		"one more":     func(y *Index) { y.Extensions[0].Data = append(y.Extensions[0].Data, make([]byte, depPrefixSize)...) },
		"another's":    func(y *Index) { y.Extensions[0], y.Extensions[1] = y.Extensions[1], y.Extensions[0] },
	} {
		y, err := ParseIndex(x.ID, mustAppend(t, x))
		if err != nil {
			t.Fatal(err)
		}
		lie(y)
		bad := reseal(head, frames, y.appendBlock(nil))
		id := ID(blake3.Sum256(bad))
		s := storeWith(t, id, bad)
		if _, err := Check(context.Background(), s, id, int64(len(bad)), 2, basesOf(old), none); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: check: %v", name, err)
		}
		found := 0
		if _, err := Scan(context.Background(), s, id, basesOf(old), nil, func(*CorruptError) { found++ }); err != nil || found == 0 {
			t.Errorf("%s: scan found %d, %v", name, found, err)
		}
	}
	for name, lie := range map[string]func(y *Index){
		"nothing":       func(y *Index) { y.Extensions[0].Data = nil },
		"half a base":   func(y *Index) { y.Extensions[0].Data = y.Extensions[0].Data[1:] },
		"too many":      func(y *Index) { y.Extensions[0].Data = make([]byte, (BasesMax+1)*depPrefixSize) },
		"one for two":   func(y *Index) { secondDelta(y).Extension = y.Frames[deltaFrame(y)].Extension },
		"metadata":      func(y *Index) { y.Class = ClassMeta },
		"another tag":   func(y *Index) { y.Extensions[0].Tag++ },
		"no extension":  func(y *Index) { y.Frames[deltaFrame(y)].Extension = 0 },
		"one not there": func(y *Index) { y.Frames[deltaFrame(y)].Extension = 1000 },
	} {
		y, err := ParseIndex(x.ID, mustAppend(t, x))
		if err != nil {
			t.Fatal(err)
		}
		lie(y)
		if _, err := ParseIndex(x.ID, mustAppend(t, y)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
}

func mustAppend(t *testing.T, x *Index) []byte {
	t.Helper()
	b, err := x.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// secondDelta is the second delta frame.
func secondDelta(x *Index) *Frame {
	for i := deltaFrame(x) + 1; ; i++ {
		if x.Frames[i].Codec == CodecDelta {
			return &x.Frames[i]
		}
	}
}

// deltaFrame is the first delta frame.
func deltaFrame(x *Index) int {
	for i, f := range x.Frames {
		if f.Codec == CodecDelta {
			return i
		}
	}
	return -1
}

// FuzzDelta gives what stands in a delta frame to its readers.
func FuzzDelta(f *testing.F) {
	x, b, old, _ := deltaPack(f, 2)
	_, frames, _ := split(b)
	good := x.Frames[deltaFrame(x)]
	f.Add(frames[good.Offset-HeaderSize:][:good.Stored], good.Raw, good.Entries)
	f.Add([]byte{1}, uint32(10), uint32(1))
	f.Fuzz(func(t *testing.T, stored []byte, raw, entries uint32) {
		fr := Frame{Stored: uint32(len(stored)), Raw: raw, Entries: entries, CRC: checksum(stored), Codec: CodecDelta}
		d, err := fr.Delta(stored)
		if err != nil {
			if _, err := fr.Decode(nil, stored, basesOf(old)); err == nil {
				t.Fatal("decoded all the same")
			}
			return
		}
		sum := uint32(0)
		for _, o := range d.own {
			if o.offset != sum || len(d.Of(sum)) == 0 {
				t.Fatalf("the chunk at %d has no bases", sum)
			}
			sum += o.length
		}
		if sum != raw || len(d.own) != int(entries) {
			t.Fatalf("%d chunks of %d bytes, want %d of %d", len(d.own), sum, entries, raw)
		}
		got, err := fr.Decode(nil, stored, basesOf(old))
		if err == nil && len(got) != int(raw) {
			t.Fatalf("%d bytes, want %d", len(got), raw)
		}
	})
}

// A chunk may be larger than a delta frame is, in a store of small frames.
func TestChunksLargerThanADeltaFrame(t *testing.T) {
	old, young := family(generator(5), 6, 100<<10)
	w := newWriter(t, WriterOptions{Class: ClassData, FrameSize: 64 << 10})
	addDeltas(t, w, old, young)
	x, b := seal(t, w)
	n := 0
	_, err := Scan(context.Background(), storeWith(t, x.ID, b), x.ID, basesOf(old), func(Entry, []byte) error { n++; return nil }, func(c *CorruptError) { t.Error(c) })
	if err != nil || n != len(young) {
		t.Errorf("%d chunks of %d, %v", n, len(young), err)
	}
}

func TestSealRefusesWhatNobodyCouldRead(t *testing.T) {
	for name, spoil := range map[string]func(x *Index){
		"an empty frame":         func(x *Index) { x.Frames[0].Raw = 0 },
		"a delta without a base": func(x *Index) { x.Frames[0].Codec = CodecDelta },
	} {
		w := newWriter(t, WriterOptions{Class: ClassData, FrameSize: 4 << 10})
		add(t, w, dataChunks(generator(1), 8, 3<<10))
		w.comp.drain(w.collect)
		spoil(w.index)
		if s, err := w.Seal(); err == nil {
			t.Errorf("%s: sealed as %s", name, s.Index.ID)
		}
	}
}

// Only what is known to be lost is damage. What keeps bases from being read now
// ends the scan.
func TestScanTellsLossFromTrouble(t *testing.T) {
	x, b, _, all := deltaPack(t, 2)
	s := storeWith(t, x.ID, b)
	for err, lost := range map[error]bool{
		errors.New("the owner does not answer"):     false,
		backends.ErrUnavailable:                     false,
		ErrLost:                                     true,
		backends.ErrNotExist:                        true,
		&CorruptError{Object: "packs/x", Offset: 7}: true,
	} {
		problems, chunks := 0, 0
		_, got := Scan(context.Background(), s, x.ID, func(dst []byte, _ []chunker.ID) ([]byte, error) { return dst, err }, nil, func(c *CorruptError) {
			problems++
			chunks += len(c.Lost)
		})
		if lost && (got != nil || problems == 0 || chunks == 0 || chunks == len(all)) || !lost && (!errors.Is(got, err) || problems > 0) {
			t.Errorf("%v: scan ends with %v, %d problems, %d chunks", err, got, problems, chunks)
		}
	}
	// A pack with lost bases may be another than its name says, too.
	other := ID{1}
	found := map[string]bool{}
	_, err := Scan(context.Background(), storeWith(t, other, b), other, basesOf(nil), nil, func(c *CorruptError) { found[c.Reason] = true })
	if err != nil || len(found) < 2 {
		t.Errorf("%v, %v", found, err)
	}
}

// Round trips of all sorts, in writers that are used again.
func TestDeltasOfAllSorts(t *testing.T) {
	for seed := range byte(6) {
		var packs [2][]ID
		for i, workers := range []int{1, 5} {
			r := generator(seed)
			w := newWriter(t, WriterOptions{
				Class: ClassData, Workers: workers, FrameSize: 64 << 10 << r.IntN(3),
				Level: zstd.EncoderLevel(1 + seed%4), TextLevel: zstd.SpeedBestCompression, TextFrame: 1 << 20,
			})
			for range 2 {
				id, b, old, want := mixedPack(t, w, r)
				packs[i] = append(packs[i], id)
				_, err := Scan(context.Background(), storeWith(t, id, b), id, basesOf(old), func(e Entry, data []byte) error {
					if c, ok := want[e.ID]; ok && !bytes.Equal(c, data) {
						t.Errorf("chunk %s has other bytes", e.ID)
					}
					delete(want, e.ID)
					return nil
				}, func(c *CorruptError) { t.Error(c) })
				if err != nil || len(want) > 0 {
					t.Errorf("%d chunks are not there, %v", len(want), err)
				}
				if err := w.Reset(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if !slices.Equal(packs[0], packs[1]) {
			t.Error("the number of workers shows")
		}
	}
}

// mixedPack adds chunks in all ways there are, with bases of all sorts.
func mixedPack(t *testing.T, w *Writer, r *rand.Rand) (id ID, b []byte, old []testChunk, want map[chunker.ID][]byte) {
	want = map[chunker.ID][]byte{}
	for range 80 {
		size := 1 + r.IntN([]int{64, 32 << 10, 32 << 10}[r.IntN(3)])
		data := text(r, size)
		if r.IntN(2) == 0 {
			data = randomBytes(r, size)
		}
		old = append(old, testChunk{chunker.Sum(data), chunker.Data, data, nil})
		var bases []Base
		for range 1 + r.IntN(5) {
			c := old[max(0, len(old)-1-r.IntN(4))]
			bases = append(bases, Base{c.id, c.data, uint64(r.IntN(3))})
		}
		data = changed(r, data)
		at := r.IntN(len(data))
		data = append(data[at:], data[:at]...)
		id := chunker.Sum(data)
		want[id] = data
		var err error
		switch r.IntN(6) {
		case 0:
			err = w.Add(id, chunker.Data, data, nil)
		case 1:
			err = w.AddText(id, data)
		default:
			err = w.AddDelta(id, data, r.IntN(2) == 0, bases)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	most := w.Size()
	x, b := seal(t, w)
	if int64(len(b)) > most {
		t.Errorf("the size was said to be at most %d, it is %d", most, len(b))
	}
	return x.ID, b, old, want
}
