package packfile

import (
	"bytes"
	"context"
	"errors"
	"math"
	"testing"
)

// spanPack is a pack with frames of both codecs, and what is in them.
func spanPack(t testing.TB) (x *Index, b []byte, raw [][]byte) {
	t.Helper()
	chunks := dataChunks(generator(31), 40, 3000)
	x, b = pack(t, WriterOptions{Class: ClassData, FrameSize: 2000}, chunks)
	raw = make([][]byte, len(x.Frames))
	for i, e := range x.Entries {
		raw[e.Frame] = append(raw[e.Frame], chunks[i].data...)
	}
	if len(x.Frames) < 10 {
		t.Fatalf("only %d frames", len(x.Frames))
	}
	return x, b, raw
}

func TestSpanIsOneRead(t *testing.T) {
	x, b, raw := spanPack(t)
	s := &countingStore{Store: storeWith(t, x.ID, b)}
	var stored, plain []byte
	codecs := map[Codec]bool{}
	for from := range x.Frames {
		for _, wanted := range [][]int{{from}, {from, len(x.Frames) - 1}, {0, from, len(x.Frames) - 1}} {
			var frames []Frame
			for i, n := range wanted {
				if i == 0 || n > wanted[i-1] {
					frames = append(frames, x.Frames[n])
				}
			}
			s.gets = 0
			p, err := ReadSpan(context.Background(), s, x.ID, frames, stored)
			if err != nil {
				t.Fatal(err)
			}
			stored = p.Stored()
			for i, n := range wanted {
				if i > 0 && n == wanted[i-1] {
					continue
				}
				got, err := p.Decode(x.Frames[n], plain, nil)
				if err != nil || !bytes.Equal(got, raw[n]) {
					t.Fatalf("frame %d of %v: wrong bytes, %v", n, wanted, err)
				}
				if codecs[x.Frames[n].Codec] = true; x.Frames[n].Codec == CodecZstd {
					plain = got
				}
			}
			if s.gets != 1 {
				t.Errorf("%d reads for frames %v", s.gets, wanted)
			}
		}
	}
	if !codecs[CodecRaw] || !codecs[CodecZstd] {
		t.Errorf("codecs tried: %v", codecs)
	}
}

func TestBadFrameInASpanCostsNoOther(t *testing.T) {
	x, b, raw := spanPack(t)
	for bad := range x.Frames {
		hurt := bytes.Clone(b)
		hurt[x.Frames[bad].Offset] ^= 0x40
		p, err := ReadSpan(context.Background(), storeWith(t, x.ID, hurt), x.ID, x.Frames, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range x.Frames {
			got, err := p.Decode(f, nil, nil)
			var c *CorruptError
			switch {
			case i != bad && (err != nil || !bytes.Equal(got, raw[i])):
				t.Errorf("frame %d, while %d is bad: %v", i, bad, err)
			case i == bad && (!errors.As(err, &c) || c.Offset != f.Offset || c.Object != Key(x.ID)):
				t.Errorf("the bad frame %d: %v", bad, err)
			}
		}
	}
}

func TestSpanOfImpossibleFramesIsNotRead(t *testing.T) {
	x, b, _ := spanPack(t)
	s := &countingStore{Store: storeWith(t, x.ID, b)}
	a, c := x.Frames[2], x.Frames[3]
	at := func(f Frame, offset int64) Frame { f.Offset = offset; return f }
	for name, frames := range map[string][]Frame{
		"out of order":      {c, a},
		"twice":             {a, a},
		"overlapping":       {a, at(c, a.Offset+1)},
		"too far apart":     {a, at(c, a.Offset+SpanMax)},
		"negative":          {at(a, -1)},
		"at the end of all": {at(a, math.MaxInt64)},
		"from end to end":   {at(a, math.MinInt64), at(c, math.MaxInt64-1)},
		"empty":             {{Offset: 64}},
		"huge":              {{Offset: 64, Raw: math.MaxUint32, Stored: math.MaxUint32, Entries: 1}},
	} {
		if _, err := ReadSpan(context.Background(), s, x.ID, frames, nil); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
	if s.gets != 0 {
		t.Errorf("%d reads", s.gets)
	}
	if _, err := ReadSpan(context.Background(), storeWith(t, x.ID, b[:len(b)/2]), x.ID, x.Frames, nil); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a pack cut short: %v", err)
	}
}

// FuzzSpan reads what any two rows of a frame table may say.
func FuzzSpan(f *testing.F) {
	x, b, _ := spanPack(f)
	one, two := x.Frames[0], x.Frames[1]
	f.Add(one.Offset, one.Stored, one.Raw, one.CRC, byte(one.Codec), two.Offset, two.Stored, two.Raw)
	f.Add(int64(math.MinInt64), uint32(1), uint32(1), uint32(0), byte(0), int64(math.MaxInt64), uint32(1), uint32(1))
	s := storeWith(f, x.ID, b)
	f.Fuzz(func(t *testing.T, off int64, stored, raw, crc uint32, codec byte, off2 int64, stored2, raw2 uint32) {
		frames := []Frame{
			{Offset: off, Stored: stored, Raw: raw, CRC: crc, Entries: 1, Codec: Codec(codec)},
			{Offset: off2, Stored: stored2, Raw: raw2, CRC: crc, Entries: 1, Codec: Codec(codec)},
		}
		for _, some := range [][]Frame{frames, frames[:1]} {
			p, err := ReadSpan(context.Background(), s, x.ID, some, nil)
			if err != nil {
				continue
			}
			for _, frame := range some {
				if got, err := p.Decode(frame, nil, nil); err == nil && len(got) != int(frame.Raw) {
					t.Errorf("%d bytes, the row says %d", len(got), frame.Raw)
				}
			}
		}
	})
}
