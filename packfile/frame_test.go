package packfile

import (
	"bytes"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/artifortress/afs-engine/packfile/wire"
)

// zstdFrame describes stored as a frame of raw bytes, checksum included.
func zstdFrame(stored []byte, raw int) Frame {
	return Frame{Offset: HeaderSize, Stored: uint32(len(stored)), Raw: uint32(raw), Entries: 1, CRC: checksum(stored), Codec: CodecZstd}
}

func compress(t testing.TB, raw []byte) []byte {
	t.Helper()
	e, err := newEncoder(DefaultLevel, DataFrameSize)
	if err != nil {
		t.Fatal(err)
	}
	return e.EncodeAll(raw, nil)
}

func TestDecodeUsesTheGivenArray(t *testing.T) {
	raw := text(generator(1), 5000)
	stored := compress(t, raw)
	f := zstdFrame(stored, len(raw))
	for _, c := range []int{0, 10, 4999, 5000, 5010, 6000, 100000} {
		dst := make([]byte, c)
		got, err := f.Decode(dst, stored, nil)
		if err != nil || !bytes.Equal(got, raw) {
			t.Fatalf("into %d bytes: %d bytes, %v", c, len(got), err)
		}
		if used := c > 0 && &got[0] == &dst[0]; used != (c >= 5000) {
			t.Errorf("into %d bytes: given array used: %v", c, used)
		} else if used && cap(got) != c {
			t.Errorf("into %d bytes: room for %d is left to the next", c, cap(got))
		}
	}
	rawFrame := Frame{Stored: 5000, Raw: 5000, Entries: 1, CRC: checksum(raw)}
	got, err := rawFrame.Decode(nil, raw, nil)
	if err != nil || !bytes.Equal(got, raw) || &got[0] == &raw[0] {
		t.Fatalf("raw frame: %d bytes, %v", len(got), err)
	}
}

func TestLargestFrameReadsBack(t *testing.T) {
	raw := bytes.Repeat([]byte("0123456789abcdef"), ChunkMax/16)
	stored := compress(t, raw)
	got, err := zstdFrame(stored, len(raw)).Decode(nil, stored, nil)
	if err != nil || !bytes.Equal(got, raw) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

func TestDecodeRejectsWhatTheRowDoesNotSay(t *testing.T) {
	raw := text(generator(2), 3000)
	stored := compress(t, raw)
	good := zstdFrame(stored, len(raw))
	noSize := func() []byte { // as a stream, zstd does not say how much comes
		var b bytes.Buffer
		e, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		for part := raw; len(part) > 0; part = part[100:] {
			e.Write(part[:100])
			e.Flush()
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}()
	twice := append(bytes.Clone(stored), stored...)
	tiny := append(bytes.Clone(stored), compress(t, []byte("0123456789"))...)
	fewer := good
	fewer.Stored--
	skippable := append([]byte{0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0}, 1, 2, 3, 4)
	for name, c := range map[string]struct {
		f      Frame
		stored []byte
	}{
		"fewer bytes":          {good, stored[:len(stored)-1]},
		"more bytes":           {good, append(bytes.Clone(stored), 0)},
		"raw length too small": {zstdFrame(stored, len(raw)-1), stored},
		"raw length too large": {zstdFrame(stored, len(raw)+1), stored},
		"no content size":      {zstdFrame(noSize, len(raw)), noSize},
		"two zstd frames":      {zstdFrame(twice, len(raw)), twice},
		"a tiny one behind":    {zstdFrame(tiny, len(raw)), tiny},
		"a row of fewer bytes": {fewer, stored},
		"both of them":         {zstdFrame(twice, 2*len(raw)), twice},
		"no zstd":              {zstdFrame(raw[:100], len(raw)), raw[:100]},
		"a skippable frame":    {zstdFrame(skippable, len(raw)), skippable},
		"zstd cut short":       {zstdFrame(stored[:50], len(raw)), stored[:50]},
		"raw of other length":  {Frame{Stored: 9, Raw: 10, Entries: 1, CRC: checksum(raw[:9])}, raw[:9]},
		"over the limit":       {zstdFrame(stored, FrameMax+1), stored},
	} {
		if got, err := c.f.Decode(nil, c.stored, nil); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %d bytes, %v, want ErrMalformed", name, len(got), err)
		}
	}
	for i := range stored {
		bad := bytes.Clone(stored)
		bad[i] ^= 4
		if _, err := good.Decode(nil, bad, nil); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("bit flipped in byte %d: %v, want ErrMalformed", i, err)
		}
	}
	unknown := good
	unknown.Codec = CodecDelta + 1
	if _, err := unknown.Decode(nil, stored, nil); !errors.Is(err, ErrUnknown) {
		t.Errorf("unknown codec: %v, want ErrUnknown", err)
	}
}

func TestRowsThatCannotBe(t *testing.T) {
	good := Frame{Stored: 10, Raw: 20, Entries: 3, Codec: CodecZstd}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(f *Frame){
		"nothing stored":            func(f *Frame) { f.Stored = 0 },
		"nothing in it":             func(f *Frame) { f.Raw, f.Entries = 0, 0 },
		"too much stored":           func(f *Frame) { f.Stored, f.Codec = FrameMax+1, 9 },
		"too much in it":            func(f *Frame) { f.Raw = FrameMax + 1 },
		"zstd that does not shrink": func(f *Frame) { f.Stored = 20 },
		"raw that shrinks":          func(f *Frame) { f.Codec = CodecRaw },
		"no chunks":                 func(f *Frame) { f.Entries = 0 },
		"more chunks than bytes":    func(f *Frame) { f.Entries = 21 },
	} {
		f := good
		change(&f)
		if err := f.check(); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
}

func TestBombDoesNotAllocate(t *testing.T) {
	bomb := compress(t, make([]byte, 16<<20))
	twice := append(compress(t, make([]byte, 1<<16)), bomb...)
	for name, c := range map[string]struct {
		stored []byte
		raw    int
	}{"large": {bomb, 1 << 16}, "large behind small": {twice, 1 << 16}} {
		f := zstdFrame(c.stored, c.raw)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := f.Decode(nil, c.stored, nil)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
			t.Errorf("%s: %d bytes allocated for a frame of %d", name, n, c.raw)
		}
	}
}

func TestDecodeIsSafeForConcurrentUse(t *testing.T) {
	r := generator(3)
	var wg sync.WaitGroup
	for range 8 {
		raw := text(r, 1+r.IntN(20000))
		raw = append(raw, bytes.Repeat([]byte("x"), 100)...)
		stored := compress(t, raw)
		wg.Go(func() {
			for range 20 {
				got, err := zstdFrame(stored, len(raw)).Decode(nil, stored, nil)
				if err != nil || !bytes.Equal(got, raw) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzFrameDecode(f *testing.F) {
	raw := text(generator(4), 3000)
	stored := compress(f, raw)
	f.Add(stored, uint32(len(raw)), uint8(CodecZstd))
	f.Add(append(bytes.Clone(stored), stored...), uint32(2*len(raw)), uint8(CodecZstd))
	f.Add(raw, uint32(len(raw)), uint8(CodecRaw))
	f.Add(raw, uint32(len(raw)), uint8(9))
	f.Fuzz(func(t *testing.T, stored []byte, raw uint32, codec uint8) {
		fr := zstdFrame(stored, int(raw)) // with a checksum that is right
		fr.Codec = Codec(codec)
		got, err := fr.Decode(nil, stored, nil)
		switch {
		case err != nil && !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, ErrUnknown):
			t.Fatalf("%v is neither ErrMalformed nor ErrUnknown", err)
		case err == nil && len(got) != int(raw):
			t.Fatalf("%d bytes, want %d", len(got), raw)
		case cap(got) > 2*int(raw)+4096:
			t.Fatalf("%d bytes allocated for %d", cap(got), raw)
		}
	})
}
