package chunker_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/artifortress/afs-engine/chunker"
)

func TestCutsEqualTheLibrarys(t *testing.T) {
	for name, p := range paramsList {
		s := newSplitter(t, p)
		n := 1<<20 + p.Max + 17 // more than a window
		if p.Max > 1<<19 {
			n = 2*p.Max + 100_000
		}
		for kind, data := range inputs(n) {
			want := oracle(t, p, data)
			got, err := split(t, s, bytes.NewReader(data), data)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s, %s: %d chunks, %v, want %d", name, kind, len(got), err, len(want))
			}
		}
	}
}

func TestEveryShortLengthCutsLikeTheLibrary(t *testing.T) {
	p := chunker.Params{Min: 64, Avg: 256, Max: 300}
	data := randomBytes(9, 700)
	s := newSplitter(t, p)
	for n := range data {
		want := oracle(t, p, data[:n])
		if got, err := split(t, s, bytes.NewReader(data[:n]), data[:n]); err != nil || !slices.Equal(got, want) {
			t.Fatalf("%d bytes: %v, %v, want %v", n, got, err, want)
		}
	}
}

// smallReads gives n bytes at a time and now and then none.
type smallReads struct {
	r     io.Reader
	n     int
	calls int
}

func (r *smallReads) Read(p []byte) (int, error) {
	if r.calls++; r.calls%7 == 0 {
		return 0, nil
	}
	return r.r.Read(p[:min(len(p), r.n)])
}

func TestCutsDoNotDependOnTheSizesOfReads(t *testing.T) {
	for kind, data := range inputs(300_000) {
		s := newSplitter(t, chunker.DefaultParams)
		want := oracle(t, chunker.DefaultParams, data)
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"one byte":            iotest.OneByteReader,
			"half":                iotest.HalfReader,
			"end with last bytes": iotest.DataErrReader,
			"997 bytes":           func(r io.Reader) io.Reader { return &smallReads{r: r, n: 997} },
			"100,000 bytes":       func(r io.Reader) io.Reader { return &smallReads{r: r, n: 100_000} },
		} {
			got, err := split(t, s, wrap(bytes.NewReader(data)), data)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s read by %s: %d chunks, %v, want %d", kind, name, len(got), err, len(want))
			}
		}
	}
}

func TestCutsDoNotDependOnAnySizeOfReads(t *testing.T) {
	p := chunker.Params{Min: 64, Avg: 1000, Max: 3000}
	data := randomBytes(25, 9000)
	want := oracle(t, p, data)
	s := newSplitter(t, p)
	for n := 1; n < 3100; n += stride(7) {
		if got, err := split(t, s, &smallReads{r: bytes.NewReader(data), n: n}, data); err != nil || !slices.Equal(got, want) {
			t.Fatalf("by %d: %v, %v, want %v", n, got, err, want)
		}
	}
}

// failing gives data and then err: with the last bytes, or after them.
type failing struct {
	data []byte
	err  error
	with bool
}

func (r *failing) Read(p []byte) (int, error) {
	n := copy(p, r.data)
	r.data = r.data[n:]
	if len(r.data) == 0 && (r.with || n == 0) {
		return n, r.err
	}
	return n, nil
}

func TestReadErrorsStick(t *testing.T) {
	broken := errors.New("broken on purpose")
	data := randomBytes(5, 1_300_000)
	want := oracle(t, chunker.DefaultParams, data)
	s := newSplitter(t, chunker.DefaultParams)
	for _, n := range []int{0, 1, 100, 4096, 70_000, 1<<20 - 1, 1 << 20, 1<<20 + 1, 1_200_000} {
		for _, cause := range []error{broken, io.ErrUnexpectedEOF} {
			for _, with := range []bool{false, true} {
				got, err := split(t, s, &failing{data[:n], cause, with}, data)
				if err != cause {
					t.Fatalf("after %d bytes: %v, want the source's %v", n, err, cause)
				}
				if len(got) > len(want) || !slices.Equal(got, want[:len(got)]) {
					t.Fatalf("after %d bytes: the cuts before the error are not the stream's", n)
				}
				for range 3 {
					if b, err := s.Next(); err != cause || b != nil {
						t.Fatalf("after the error came %d bytes, %v", len(b), err)
					}
				}
			}
		}
	}
}

// A second answer of a source that failed could be other bytes.
func TestASourceThatFailedIsNotAskedAgain(t *testing.T) {
	data := randomBytes(22, 300_000)
	s := newSplitter(t, chunker.DefaultParams)
	calls := 0
	transient := readerFunc(func(p []byte) (int, error) {
		if calls++; calls == 2 {
			return 0, io.ErrUnexpectedEOF
		}
		return copy(p[:50_000], data[50_000*(calls/2):]), nil
	})
	got, err := split(t, s, transient, data)
	for range 3 {
		if b, again := s.Next(); again != err || b != nil {
			t.Fatalf("later came %d bytes, %v", len(b), again)
		}
	}
	if err != io.ErrUnexpectedEOF || calls != 2 || !slices.Equal(got, oracle(t, chunker.DefaultParams, data)[:len(got)]) {
		t.Fatalf("%v after %d reads and %d chunks", err, calls, len(got))
	}
}

func TestASourceThatCountsWrongIsAnError(t *testing.T) {
	s := newSplitter(t, chunker.DefaultParams)
	for _, n := range []int{-1, 64 << 20} {
		if _, err := split(t, s, readerFunc(func([]byte) (int, error) { return n, nil }), nil); err == nil {
			t.Fatalf("%d bytes read were believed", n)
		}
	}
}

// A pipe may give its next byte tomorrow.
func TestAChunkIsReturnedAsSoonAsItsBytesAreRead(t *testing.T) {
	for kind, data := range moreInputs(400_000) {
		want := oracle(t, chunker.DefaultParams, data)
		for _, step := range []int{stride(10), 100, 4096, 65_536} {
			given := 0
			s := newSplitter(t, chunker.DefaultParams)
			s.Reset(readerFunc(func(p []byte) (int, error) {
				n := copy(p, data[given:min(given+step, len(data))])
				given += n
				if n == 0 {
					return 0, io.EOF
				}
				return n, nil
			}))
			end := 0
			for i, length := range want {
				b, err := s.Next()
				if err != nil || len(b) != length {
					t.Fatalf("%s by %d: chunk %d has %d bytes, %v, want %d", kind, step, i, len(b), err, length)
				}
				if end += length; given > (end+step-1)/step*step {
					t.Fatalf("%s by %d: a chunk that ends at %d came after %d bytes", kind, step, end, given)
				}
			}
		}
	}
}

func TestAFastSourceIsReadInBigPieces(t *testing.T) {
	const size = 8 << 20
	data := bytes.NewReader(randomBytes(23, size))
	calls := 0
	s := newSplitter(t, chunker.DefaultParams)
	s.Reset(readerFunc(func(p []byte) (int, error) { calls++; return data.Read(p) }))
	for err := error(nil); err == nil; {
		_, err = s.Next()
	}
	if calls > 12 {
		t.Errorf("%d reads for %d bytes", calls, size)
	}
}

func TestTheSplitterAllocatesNothing(t *testing.T) {
	data := randomBytes(24, 1_500_000)
	s := newSplitter(t, chunker.DefaultParams)
	var r bytes.Reader
	if n := testing.AllocsPerRun(5, func() {
		r.Reset(data)
		s.Reset(&r)
		for err := error(nil); err == nil; {
			_, err = s.Next()
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestASourceWithoutProgressIsAnError(t *testing.T) {
	s := newSplitter(t, chunker.DefaultParams)
	stuck := io.MultiReader(strings.NewReader("some"), readerFunc(func([]byte) (int, error) { return 0, nil }))
	if _, err := split(t, s, stuck, []byte("some")); err != io.ErrNoProgress {
		t.Fatal(err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestNextBeforeResetHasNothing(t *testing.T) {
	s := newSplitter(t, chunker.DefaultParams)
	if b, err := s.Next(); err != io.EOF || b != nil {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
}

func TestResetForgetsTheStreamBefore(t *testing.T) {
	data := randomBytes(6, 1_200_000)
	want := oracle(t, chunker.DefaultParams, data)
	s := newSplitter(t, chunker.DefaultParams)
	for name, before := range map[string]func(){
		"fresh":     func() {},
		"finished":  func() { split(t, s, bytes.NewReader(data), data) },
		"half-read": func() { s.Reset(bytes.NewReader(data[1000:])); s.Next() },
		"failed":    func() { split(t, s, &failing{data[:9999], io.ErrClosedPipe, true}, data) },
		"empty":     func() { split(t, s, strings.NewReader(""), nil) },
	} {
		before()
		if got, err := split(t, s, bytes.NewReader(data), data); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %d chunks, %v, want %d", name, len(got), err, len(want))
		}
	}
}

func TestAnAppendToAChunkDoesNotReachTheNext(t *testing.T) {
	data := randomBytes(7, 200_000)
	s := newSplitter(t, chunker.DefaultParams)
	s.Reset(bytes.NewReader(data))
	for off := 0; off < len(data); {
		b, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b, data[off:off+len(b)]) {
			t.Fatalf("other bytes at %d", off)
		}
		off += len(b)
		_ = append(b, "overwritten"...)
	}
}

func TestAnEditMovesTheCutsAroundItOnly(t *testing.T) {
	data := randomBytes(8, 2<<20)
	edited := slices.Concat(data[:1<<20], []byte("inserted"), data[1<<20:])
	s := newSplitter(t, chunker.DefaultParams)
	ids := func(data []byte) map[chunker.ID]bool {
		all := map[chunker.ID]bool{}
		s.Reset(bytes.NewReader(data))
		for {
			b, err := s.Next()
			if err != nil {
				return all
			}
			all[chunker.Sum(b)] = true
		}
	}
	was, is := ids(data), ids(edited)
	maps.DeleteFunc(is, func(id chunker.ID, _ bool) bool { return was[id] })
	if len(is) == 0 || len(is) > 3 {
		t.Fatalf("%d of %d chunks are new after an edit", len(is), len(was))
	}
}

func TestSplittersWorkAtOnce(t *testing.T) {
	data := randomBytes(10, 1<<20+100)
	want := oracle(t, chunker.DefaultParams, data)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 3 {
				s := newSplitter(t, chunker.DefaultParams)
				if got, err := split(t, s, bytes.NewReader(data), data); err != nil || !slices.Equal(got, want) {
					t.Errorf("%d chunks, %v, want %d", len(got), err, len(want))
				}
			}
		})
	}
	wg.Wait()
}

// Cut points decide what is shared between stores, and with what was written
// years ago: these may never change.
func TestCutsAreWhatTheyHaveAlwaysBeen(t *testing.T) {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(paramsList)) {
		p := paramsList[name]
		n := min(50*p.Max, 3<<19)
		all := inputs(n)
		for _, kind := range slices.Sorted(maps.Keys(all)) {
			lengths, err := split(t, newSplitter(t, p), bytes.NewReader(all[kind]), all[kind])
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&out, "%d %d %d, %s:", p.Min, p.Avg, p.Max, kind)
			for _, l := range lengths {
				fmt.Fprintf(&out, " %d", l)
			}
			out.WriteByte('\n')
		}
	}
	golden(t, "v1-cuts.txt", out.String())
}

func FuzzSplitter(f *testing.F) {
	f.Add([]byte("short"), uint16(64), uint16(100), uint16(1000), uint16(1))
	f.Add(make([]byte, 5000), uint16(64), uint16(0), uint16(1), uint16(7))
	f.Add(randomBytes(11, 9000), uint16(200), uint16(300), uint16(1024), uint16(4096))
	f.Fuzz(func(t *testing.T, data []byte, lo, mid, hi, step uint16) {
		p := chunker.Params{Min: int(lo), Avg: int(lo) + int(mid), Max: int(lo) + int(mid) + int(hi)}
		s, err := chunker.NewSplitter(p)
		if (err == nil) != (p.Validate() == nil) {
			t.Fatalf("%+v: %v", p, err)
		}
		if err != nil {
			return
		}
		want := oracle(t, p, data)
		got, err := split(t, s, &smallReads{r: bytes.NewReader(data), n: int(step) + 1}, data)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%+v: %v, %v, want %v", p, got, err, want)
		}
	})
}
