package zstdenc_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/huff0"
	"github.com/klauspost/compress/zstd"

	"github.com/artifortress/afs-engine/packfile/zstdenc"
)

func TestFramesDecode(t *testing.T) {
	d := newDecoder(t)
	for name, e := range zstdenc.Encoders() {
		t.Run(name, func(t *testing.T) {
			for what, data := range inputs(t) {
				t.Run(what, func(t *testing.T) { check(t, d, e, data) })
			}
			r := rand.New(rand.NewPCG(3, 4))
			for range 300 {
				check(t, d, e, mixture(r, r.IntN(1+r.IntN(400_000))))
			}
		})
	}
}

// The reference implementation must read them, too.
func TestTheZstdProgramReadsFrames(t *testing.T) {
	tool, err := exec.LookPath("zstd")
	if err != nil {
		if slices.Contains(strings.Split(os.Getenv("AFS_TEST_REQUIRE"), ","), "root") {
			t.Fatal(err)
		}
		t.Skip("zstd is not installed")
	}
	var frames, want []byte
	e := zstdenc.NewEncoder()
	for _, data := range inputs(t) {
		frames, want = e.EncodeAll(data, frames), append(want, data...)
	}
	file := filepath.Join(t.TempDir(), "frames.zst")
	if err := os.WriteFile(file, frames, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool, "-dc", file)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	got, err := cmd.Output()
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("zstd -d: %v: %s; %d bytes, want %d", err, &stderr, len(got), len(want))
	}
}

func TestAssemblyGivesTheSameBytes(t *testing.T) {
	all := zstdenc.Encoders()
	if all["assembly"] == nil {
		t.Skip("there is no assembly for this processor")
	}
	same := func(what string, data []byte) {
		t.Helper()
		want, got := all["plain"].EncodeAll(data, nil), all["assembly"].EncodeAll(data, nil)
		if !bytes.Equal(got, want) {
			t.Fatalf("%s: %d and %d bytes, which differ", what, len(got), len(want))
		}
	}
	for what, data := range inputs(t) {
		same(what, data)
	}
	r := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		same("mixture", mixture(r, r.IntN(1+r.IntN(400_000))))
	}
}

// firstIsRaw reports whether the first block of a long frame is raw.
func firstIsRaw(frame []byte) bool { return frame[9]>>1&3 == 0 }

// The literals of a block may get shorter by their code, and the block not. The
// decoder then does not know that code, and the next block must bring its own.
func TestRawBlocksLeaveNoCodeBehind(t *testing.T) {
	r, d := rand.New(rand.NewPCG(13, 14)), newDecoder(t)
	var huff huff0.Scratch
	for range 20 {
		block := random(r, 128<<10)
		for { // a byte gets more frequent until a code just about pays
			out, _, err := huff0.Compress4X(block, &huff)
			if err == nil && len(out) < len(block)-5 {
				break
			}
			if err == nil {
				next := bytes.Clone(block)
				r.Shuffle(len(next), func(i, j int) { next[i], next[j] = next[j], next[i] })
				if firstIsRaw(check(t, d, zstdenc.NewEncoder(), append(bytes.Clone(block), next...))) {
					return
				}
			}
			for range 50 {
				block[r.IntN(len(block))] = 7
			}
		}
	}
	t.Fatal("no such block was made")
}

// Nor does the decoder know the offset of a copy in such a block.
func TestRawBlocksLeaveNoOffsetBehind(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	const block, distance, at = 128 << 10, 50, 100 // early: no position is left out yet
	data := random(r, 2*block)
	copy(data[at:at+6], data[at-distance:]) // too short to pay
	copy(data[block+at:block+at+distance], data[block+at-distance:])
	if !firstIsRaw(check(t, newDecoder(t), zstdenc.NewEncoder(), data)) {
		t.Fatal("the first block is not raw")
	}
}

// A block whose literals are like those before does without a code of its own.
func TestACodeIsUsedAgain(t *testing.T) {
	r, d, e := rand.New(rand.NewPCG(19, 20)), newDecoder(t), zstdenc.NewEncoder()
	block := make([]byte, 128<<10) // of 64 values that have codes of 5 to 7 bits
	for i := range block {
		block[i] = byte(r.IntN(1 + r.IntN(64)))
	}
	next := bytes.Clone(block)
	r.Shuffle(len(next), func(i, j int) { next[i], next[j] = next[j], next[i] })
	one, both := len(check(t, d, e, block)), len(check(t, d, e, slices.Concat(block, next)))
	if both > 2*one-20 {
		t.Errorf("a block takes %d bytes, and two %d", one, both)
	}
}

// What an Encoder has encoded before leaves no trace.
func TestFramesDependOnTheirBytesAlone(t *testing.T) {
	used := zstdenc.NewEncoder()
	for what, data := range inputs(t) {
		if got, want := used.EncodeAll(data, nil), zstdenc.NewEncoder().EncodeAll(data, nil); !bytes.Equal(got, want) {
			t.Fatalf("%s: an Encoder in use gives other bytes than a new one", what)
		}
	}
}

func TestFramesAreAppended(t *testing.T) {
	e, data := zstdenc.NewEncoder(), words(rand.New(rand.NewPCG(7, 8)), 300_000)
	got := e.EncodeAll(data, []byte("before"))
	if want := append([]byte("before"), e.EncodeAll(data, nil)...); !bytes.Equal(got, want) {
		t.Fatal("a frame differs by what it is appended to")
	}
}

// A frame states its size, which is its window too, and asks for no dictionary.
func TestFrameHeaders(t *testing.T) {
	for _, n := range []int{0, 1, 255, 256, 65791, 65792, 3 << 20} {
		var h zstd.Header
		if err := h.Decode(zstdenc.NewEncoder().EncodeAll(make([]byte, n), nil)); err != nil {
			t.Fatal(err)
		}
		if !h.SingleSegment || !h.HasFCS || h.FrameContentSize != uint64(n) || h.DictionaryID != 0 || h.HasCheckSum {
			t.Errorf("%d bytes have the header %+v", n, h)
		}
	}
}

// No frame is much longer than what is in it.
func TestFramesHardlyGrow(t *testing.T) {
	for what, data := range inputs(t) {
		blocks := max(1, (len(data)+128<<10-1)>>17)
		if got, most := len(zstdenc.NewEncoder().EncodeAll(data, nil)), len(data)+9+3*blocks; got > most {
			t.Errorf("%s: %d bytes, want %d at most", what, got, most)
		}
	}
}

// What is counted of the literals does not depend on where in a record they stand.
func TestRecordsAreNoLargerForTheirPhase(t *testing.T) {
	r, e := rand.New(rand.NewPCG(21, 22)), zstdenc.NewEncoder()
	data := records(r, 256<<10+8, 0)
	one, other := len(e.EncodeAll(data[:256<<10], nil)), len(e.EncodeAll(data[8:], nil))
	if max(one, other) > min(one, other)+min(one, other)/100 {
		t.Errorf("records take %d bytes, and from their middle on %d", one, other)
	}
}

// Literals that are coded are shorter than plain ones: some decoders insist.
func TestCodedLiteralsAreShorter(t *testing.T) {
	r, e := rand.New(rand.NewPCG(23, 24)), zstdenc.NewEncoder()
	half := halves(r, 40_000)
	if got := len(check(t, newDecoder(t), e, append(half, half...))); got > 40_100 {
		t.Errorf("40,000 bytes and a copy of them take %d", got)
	}
	// The code that was given up is not known where it would do, in the next block.
	low := random(r, 200) // few: a code of their own would not pay
	for i := range low {
		low[i] &= 127
	}
	check(t, newDecoder(t), e, append(bytes.Repeat(half, 4)[:128<<10], low...))
}

// The point of it all is to be as small, and faster: see BenchmarkEncodeAll.
func TestFramesAreAsSmallAsTheLibrarys(t *testing.T) {
	data := program(t, 8<<20)
	lib, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		t.Fatal(err)
	}
	e := zstdenc.NewEncoder()
	var got, want int
	for frame := range slices.Chunk(data, 256<<10) {
		got += len(e.EncodeAll(frame, nil))
		want += len(lib.EncodeAll(frame, nil))
	}
	if got > want+want/50 {
		t.Errorf("%d bytes of a program take %d, with the library's fastest level %d", len(data), got, want)
	}
}

func TestASteadyStateAllocatesNothing(t *testing.T) {
	e, data := zstdenc.NewEncoder(), program(t, 1<<20)
	dst := e.EncodeAll(data, nil)
	if n := testing.AllocsPerRun(10, func() { dst = e.EncodeAll(data, dst[:0]) }); n > 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func TestHuffmanCodesAreCompleteAndShort(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	for round := range 20_000 {
		var count [256]uint32
		used := 2 + r.IntN(255)
		grow := 1 + r.Float64()/float64(1+r.IntN(20))
		x := 1 + 10*r.Float64()
		for range used {
			count[r.IntN(256)] = uint32(x)
			if x *= grow; x > 60_000 {
				x = 1 + 100*r.Float64()
			}
		}
		count[round%256]++
		count[(round+1)%256]++
		widths, most := zstdenc.Widths(count)
		sum := 0
		for b, w := range widths {
			if (w == 0) != (count[b] == 0) || w > uint16(most) {
				t.Fatalf("%v: byte %d has a code of %d bits", count, b, w)
			}
			if w > 0 {
				sum += 1 << (uint16(most) - w)
			}
		}
		if sum != 1<<most {
			t.Fatalf("%v: codes of %v bits take %d of %d", count, widths, sum, 1<<most)
		}
	}
}

func TestSharesFillTheirTable(t *testing.T) {
	checkShares := func(count [64]uint32, places uint8) {
		t.Helper()
		log, shares := zstdenc.Shares(count, places)
		sum := 0
		for s, n := range shares {
			if (n == 0) != (count[s] == 0) || n < -1 {
				t.Fatalf("symbol %d of %v has share %d", s, count, n)
			}
			sum += int(max(n, -n))
		}
		if sum != 1<<log {
			t.Fatalf("%v: shares %v are %d in all, want %d", count, shares, sum, 1<<log)
		}
	}
	for used := 2; used <= 53; used++ {
		for each := range uint32(200) {
			var count [64]uint32
			for s := range used { // all alike: what is over comes from many of them
				count[s] = 1 + each
			}
			checkShares(count, 8)
			checkShares(count, 9)
		}
	}
	r := rand.New(rand.NewPCG(9, 10))
	for range 20_000 {
		var count [64]uint32
		used := 2 + r.IntN(52)
		for s := range used {
			if r.IntN(3) > 0 {
				count[s] = uint32(r.IntN(1 + r.IntN(1+r.IntN(1+r.IntN(40_000)))))
			}
		}
		count[used-1]++
		count[r.IntN(used-1)]++
		checkShares(count, uint8(8+r.IntN(2)))
	}
}

func FuzzEncodeAll(f *testing.F) {
	for _, data := range inputs(f) {
		if len(data) < 1000 {
			f.Add(data, uint32(len(data)), uint8(1))
		}
	}
	d := newDecoder(f)
	all := zstdenc.Encoders()
	f.Fuzz(func(t *testing.T, data []byte, seed uint32, times uint8) {
		// Longer data are made of it: itself over and over, with a byte changed here and there.
		r := rand.New(rand.NewPCG(uint64(seed), 0))
		long := bytes.Repeat(data, 1+int(times))
		for range r.IntN(1 + len(long)/8) {
			long[r.IntN(len(long))] ^= byte(r.Uint32())
		}
		want := check(t, d, all["plain"], long)
		if fast := all["assembly"]; fast != nil && !bytes.Equal(fast.EncodeAll(long, nil), want) {
			t.Fatal("the assembly gives other bytes")
		}
	})
}
