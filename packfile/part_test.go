package packfile

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/artifortress/afs-engine/packfile/zstdenc"
)

// partFrames are zstd frames of different encoders and sizes, and what is in them.
func partFrames(t testing.TB) (frames [][]byte, raws [][]byte) {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 4))
	for _, size := range []int{300, 100 << 10, 128 << 10, 128<<10 + 1, 300_000, 2 << 20} {
		text := mixed(r, size)
		for _, raw := range [][]byte{text, append(bytes.Repeat([]byte{7}, size/2), text[:size-size/2]...), append(random(r, size/2), make([]byte, size-size/2)...)} {
			frames, raws = append(frames, zstdenc.NewEncoder().EncodeAll(raw, nil)), append(raws, raw)
			for _, level := range []zstd.EncoderLevel{zstd.SpeedFastest, zstd.SpeedBetterCompression} {
				for _, single := range []bool{false, true} {
					e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderCRC(level == zstd.SpeedFastest && single), zstd.WithSingleSegment(single))
					if err != nil {
						t.Fatal(err)
					}
					frames, raws = append(frames, e.EncodeAll(raw, nil)), append(raws, raw)
				}
			}
		}
	}
	return frames, raws
}

// mixed is n bytes of words.
func mixed(r *rand.Rand, n int) (b []byte) {
	words := make([][]byte, 500)
	for i := range words {
		words[i] = random(r, 1+r.IntN(12))
	}
	for len(b) < n {
		b = append(b, words[r.IntN(len(words))]...)
	}
	return b[:n]
}

func random(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// TestDecodePartIsTheBeginning of what Decode gives, as long as was asked for, and no
// longer than it must be; and the stored bytes are what they were.
func TestDecodePartIsTheBeginning(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	frames, raws := partFrames(t)
	short := 0
	for k, stored := range frames {
		raw := raws[k]
		if len(stored) >= len(raw) {
			continue
		}
		f := zstdFrame(stored, len(raw))
		p := Span{key: "x", offset: f.Offset, stored: bytes.Clone(stored)}
		var dst []byte
		for _, n := range []int{0, 1, len(raw) / 3, 128 << 10, 128<<10 + 1, len(raw) - 1, len(raw), len(raw) + 1, r.IntN(len(raw)), r.IntN(len(raw))} {
			got, err := p.DecodePart(f, n, dst, nil)
			if err != nil || len(got) < min(n, len(raw)) || !bytes.Equal(got, raw[:len(got)]) {
				t.Fatalf("frame %d of %d bytes, %d wanted: %d bytes, %v", k, len(raw), n, len(got), err)
			}
			if len(got) < len(raw) {
				if short++; len(got) >= n+zstdBlockMax {
					t.Errorf("frame %d of %d bytes, %d wanted: %d decoded", k, len(raw), n, len(got))
				}
			}
			if !bytes.Equal(p.stored, stored) {
				t.Fatalf("frame %d: its stored bytes have changed", k)
			}
			if dst != nil && &dst[:1][0] != &got[:1][0] && cap(dst) >= len(raw) {
				t.Errorf("frame %d: a new array", k)
			}
			dst = got
		}
	}
	if short < 100 {
		t.Errorf("only %d were cut short", short)
	}
}

// TestDecodePartOfUnusualBlocks, which make fewer bytes than others do, decodes all.
func TestDecodePartOfUnusualBlocks(t *testing.T) {
	raw := mixed(rand.New(rand.NewPCG(7, 8)), 300_000)
	var b bytes.Buffer
	e, err := zstd.NewWriter(&b, zstd.WithEncoderCRC(false), zstd.WithWindowSize(1<<20), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	e.ResetContentSize(&b, int64(len(raw)))
	for at := 0; at < len(raw); at += 50_000 {
		if _, err := e.Write(raw[at : at+50_000]); err != nil {
			t.Fatal(err)
		}
		if err := e.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	f := zstdFrame(b.Bytes(), len(raw))
	p := Span{key: "x", offset: f.Offset, stored: b.Bytes()}
	for _, n := range []int{1, 60_000, 200_000, 299_999} {
		if got, err := p.DecodePart(f, n, nil, nil); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%d wanted: %d bytes, %v", n, len(got), err)
		}
	}
}

// FuzzDecodePart gives a prefix of what Decode gives, or fails where it does.
func FuzzDecodePart(f *testing.F) {
	frames, raws := partFrames(f)
	for i, b := range frames {
		if len(b) < 50_000 {
			f.Add(b, len(raws[i]), len(raws[i])/2)
		}
	}
	f.Fuzz(func(t *testing.T, stored []byte, raw, n int) {
		if raw <= len(stored) || raw > FrameMax || len(stored) == 0 || n < 0 {
			return
		}
		row := zstdFrame(stored, raw)
		was := bytes.Clone(stored)
		p := Span{key: "x", offset: row.Offset, stored: stored}
		part, perr := p.DecodePart(row, n, nil, nil)
		if !bytes.Equal(stored, was) {
			t.Fatal("the stored bytes have changed")
		}
		all, err := p.Decode(row, nil, nil)
		switch {
		case err == nil && (perr != nil || len(part) < min(n, raw) || !bytes.Equal(part, all[:len(part)])):
			t.Fatalf("%d bytes, %v; Decode gives %d", len(part), perr, len(all))
		case err != nil && perr == nil && len(part) < min(n, raw):
			t.Fatalf("%d bytes of %d", len(part), n)
		}
	})
}
