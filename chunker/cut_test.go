package chunker_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
)

// stride thins out what a short run tries.
func stride(short int) int {
	if testing.Short() {
		return short
	}
	return 1
}

// cutAll is the lengths that a search gives.
func cutAll(find chunker.Search, p chunker.Params, level int, data []byte) (lengths []int) {
	for len(data) > 0 {
		n := chunker.CutBy(find, p, level, data, 0, true)
		if n <= 0 || n > len(data) {
			return append(lengths, n)
		}
		lengths = append(lengths, n)
		data = data[n:]
	}
	return lengths
}

// equalsOracle holds every search against the library.
func equalsOracle(t *testing.T, p chunker.Params, level int, data []byte, what string) {
	t.Helper()
	want := oracleAt(t, p, level, data)
	for name, find := range chunker.Searches() {
		got := cutAll(find, p, level, data)
		if !slices.Equal(got, want) {
			i := 0
			for i < min(len(got), len(want)) && got[i] == want[i] {
				i++
			}
			t.Fatalf("%s: %+v at level %d, %d bytes %s: chunk %d of %d begins %v, want %v",
				name, p, level, len(data), what, i, len(want), got[i:min(i+3, len(got))], want[i:min(i+3, len(want))])
		}
	}
}

func TestCutEqualsTheOracle(t *testing.T) {
	for _, p := range paramsList {
		if testing.Short() && p.Max > chunker.DefaultParams.Max {
			continue
		}
		for kind, data := range moreInputs(max(1<<20, 3*p.Max) + 17) {
			equalsOracle(t, p, 2, data, kind)
		}
	}
}

// Wide masks: fingerprints that are zero in 16 bits and not in all must not
// cut. In random data one of 65,536 is.
func TestCutEqualsTheOracleBeyondSixteenBits(t *testing.T) {
	data := randomBytes(12, 4<<20/stride(4))
	for _, avg := range []int{32 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20} {
		equalsOracle(t, chunker.Params{Min: 64, Avg: avg, Max: 4 * avg}, 2, data, "random")
	}
}

func TestCutEqualsTheOracleForAllItsOptions(t *testing.T) {
	data := moreInputs(20_000)
	if testing.Short() {
		data = map[string][]byte{"text": text(20_000)}
	}
	for level := range 5 {
		for _, avg := range []int{64, 65, 90, 91, 127, 128, 181, 182, 1000, 1448, 1449, 4096, 11_585, 11_586, 16_384, 100_000} {
			for _, p := range []chunker.Params{
				{Min: 64, Avg: avg, Max: avg + 1},
				{Min: max(64, avg/4), Avg: avg, Max: 4 * avg},
				{Min: max(64, avg-1), Avg: avg, Max: avg + 513},
				{Min: max(64, min(avg, 1000)), Avg: avg, Max: avg + 20_000},
			} {
				for kind, data := range data {
					equalsOracle(t, p, level, data, kind)
				}
			}
		}
	}
}

func TestCutEqualsTheOracleAtItsLargest(t *testing.T) {
	large := chunker.MaxSize
	if os.Getenv("AFS_TEST_SOAK") != "" {
		large = 1 << 30 // the library's limit, and the size of its buffer
	}
	data := randomBytes(21, 3<<20/stride(3))
	for level := range 5 {
		equalsOracle(t, chunker.Params{Min: 64, Avg: large, Max: large}, level, data, "random")
	}
	equalsOracle(t, chunker.Params{Min: 1 << 20, Avg: 1<<20 + 1, Max: large}, 2, data, "random")
}

func TestEveryLengthCutsLikeTheOracle(t *testing.T) {
	data := randomBytes(13, 2200)
	for _, p := range []chunker.Params{{Min: 64, Avg: 1 << 11, Max: 1 << 12}, {Min: 64, Avg: 600, Max: 700}} {
		for n := range data {
			equalsOracle(t, p, 2, data[:n], "random")
		}
	}
}

// key returns bytes after which the low width bits of the fingerprint are
// zero, whatever comes before them.
func key(t *testing.T, width int) []byte {
	avg := 1 << (width - 2)
	p := chunker.Params{Min: 64, Avg: avg, Max: max(avg, 65)}
	data := randomBytes(14, 8<<20)
	for _, n := range oracle(t, p, data) {
		if n > p.Min+width && n < avg {
			return data[n-width : n]
		}
		data = data[n:]
	}
	t.Fatalf("no cut in the strict part with %d bits", width)
	return nil
}

// Zeros never cut, so that a cut is where the test puts it: at every place of
// the blocks and lanes in which searches work.
func TestCutsAtEveryPlaceAreFound(t *testing.T) {
	for _, c := range []struct {
		p     chunker.Params
		width int // the strict mask's
	}{
		{chunker.Params{Min: 70, Avg: 1 << 12, Max: 1 << 13}, 14},
		{chunker.Params{Min: 70, Avg: 1 << 14, Max: 1<<14 + 1}, 16},
		{chunker.Params{Min: 70, Avg: 1 << 16, Max: 1<<16 + 1}, 18},
		{chunker.Params{Min: 70, Avg: 1000, Max: 1 << 12}, 12},
	} {
		k := key(t, c.width)
		tried, found := 0, 0
		const places = 2500
		data := make([]byte, places+600)
		for end := len(k); end <= places; end += stride(7) {
			tried++
			copy(data[end-len(k):], k)
			equalsOracle(t, c.p, 2, data, fmt.Sprintf("with a cut before %d", end))
			if oracle(t, c.p, data)[0] == end {
				found++
			}
			clear(data[end-len(k) : end])
		}
		if found < tried*9/10 {
			t.Fatalf("%+v: of %d cuts, %d were where they were put", c.p, tried, found)
		}
	}
}

func TestTheFirstOfSeveralCutsCounts(t *testing.T) {
	p := chunker.Params{Min: 64, Avg: 1 << 14, Max: 1 << 15}
	k := key(t, 16)
	for first := 100; first < 1300; first += stride(7) * 13 {
		for _, gap := range []int{16, 17, 31, 32, 63, 64, 65, 112, 128, 255, 256, 257, 496, 511, 512, 513, 1024} {
			data := make([]byte, 4000)
			for _, end := range []int{first, first + gap, first + 2*gap, 3000} {
				copy(data[end-len(k):], k)
			}
			equalsOracle(t, p, 2, data, fmt.Sprintf("with cuts at %d and each %d on", first, gap))
		}
	}
}

// A fingerprint that is zero in 16 bits of 18 does not hide the cut after it.
func TestACutAfterOneThatIsNoneIsFound(t *testing.T) {
	p := chunker.Params{Min: 64, Avg: 1 << 16, Max: 1<<16 + 1}
	none, k := append([]byte{1}, key(t, 16)...), key(t, 18) // a 0 before it would make it a cut
	for first := 100; first < 700; first += 97 {
		for end := first + len(k); end < first+1200; end += 3 * stride(3) {
			data := make([]byte, 2000)
			copy(data[first-len(none):], none)
			copy(data[end-len(k):], k)
			if want := oracle(t, p, data)[0]; want != end {
				t.Fatalf("the test cuts at %d, not at %d", want, end)
			}
			equalsOracle(t, p, 2, data, fmt.Sprintf("with none at %d and one at %d", first, end))
		}
	}
}

func TestCutsDoNotDependOnAlignment(t *testing.T) {
	p := chunker.Params{Min: 64, Avg: 1 << 12, Max: 1 << 14}
	data := randomBytes(15, 100_000)
	want := oracle(t, p, data)
	room := make([]byte, len(data)+128)
	for off := range 128 {
		at := room[off:][:len(data):len(data)]
		copy(at, data)
		for name, find := range chunker.Searches() {
			if got := cutAll(find, p, 2, at); !slices.Equal(got, want) {
				t.Fatalf("%s, moved by %d: other cuts", name, off)
			}
		}
	}
}

// What shows is found at the byte that decides it, stays what it is with more
// bytes, and can be looked for in steps.
func TestACutShowsAsSoonAsItsBytesAreThere(t *testing.T) {
	p := chunker.Params{Min: 100, Avg: 1200, Max: 2500}
	for kind, data := range moreInputs(2600) {
		want := oracle(t, p, data)[0]
		for name, find := range chunker.Searches() {
			for n := 0; n < len(data); n += stride(7) {
				cut := 0
				if n >= want {
					cut = want
				}
				if got := chunker.CutBy(find, p, 2, data[:n], 0, false); got != cut {
					t.Fatalf("%s, %s, the first %d bytes: %d, want %d", name, kind, n, got, cut)
				}
				for _, clean := range []int{1, 16, 99, 100, 101, 700, n - 1} {
					if clean < 0 || clean >= want || clean > n {
						continue
					}
					if got := chunker.CutBy(find, p, 2, data[:n], clean, false); got != cut {
						t.Fatalf("%s, %s, the first %d bytes, after %d: %d, want %d", name, kind, n, clean, got, cut)
					}
				}
			}
		}
	}
}

func TestCutOfNothingIsNothing(t *testing.T) {
	p := chunker.DefaultParams
	if n := p.Cut(nil, true); n != 0 {
		t.Errorf("%d of no bytes", n)
	}
	if n := p.Cut(make([]byte, p.Max-1), false); n != 0 {
		t.Errorf("%d, though the next byte decides", n)
	}
	if n := p.Cut(make([]byte, p.Max-1), true); n != p.Max-1 {
		t.Errorf("%d of the last %d", n, p.Max-1)
	}
	if n := p.Cut(make([]byte, 3*p.Max), false); n != p.Max {
		t.Errorf("%d, want the maximum of %d", n, p.Max)
	}
}

func TestCutChangesAndAllocatesNothing(t *testing.T) {
	data := randomBytes(16, 200_000)
	kept := bytes.Clone(data)
	all := func() {
		for d := data; len(d) > 0; {
			d = d[chunker.DefaultParams.Cut(d, true):]
		}
	}
	if n := testing.AllocsPerRun(10, all); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if !bytes.Equal(data, kept) {
		t.Error("the data is not what it was")
	}
}

func TestCutMayRunAnywhereAtOnce(t *testing.T) {
	data := randomBytes(17, 300_000)
	want := oracle(t, chunker.DefaultParams, data)
	var wg sync.WaitGroup
	for range 4 {
		for _, find := range chunker.Searches() {
			wg.Go(func() {
				if got := cutAll(find, chunker.DefaultParams, 2, data); !slices.Equal(got, want) {
					t.Error("other cuts")
				}
			})
		}
	}
	wg.Wait()
}

// The library computes its masks from the rounded logarithm in floating point.
func TestLogarithmsAreTheOracles(t *testing.T) {
	check := func(n int) {
		if want := int(math.Round(math.Log2(float64(n)))); n > 0 && chunker.Log2(n) != want {
			t.Fatalf("of %d: %d, want %d", n, chunker.Log2(n), want)
		}
	}
	for n := 1; n <= 1<<17; n++ {
		check(n)
	}
	for k := range 31 {
		for d := -1000; d <= 1000; d++ {
			check(1<<k + d)
			check(int(math.Sqrt2*float64(int(1)<<k)) + d)
		}
	}
}

func FuzzCutEqualsOracle(f *testing.F) {
	f.Add([]byte("a line of text\n"), uint8(200), uint16(0), uint16(900), uint16(1000), uint8(2))
	f.Add(make([]byte, 100), uint8(30), uint16(36), uint16(16_000), uint16(1000), uint8(2))
	f.Add(randomBytes(18, 3000), uint8(2), uint16(0), uint16(100), uint16(5000), uint8(0))
	f.Add(randomBytes(19, 2000), uint8(1), uint16(700), uint16(0), uint16(1), uint8(4))
	f.Fuzz(func(t *testing.T, data []byte, times uint8, lo, mid, hi uint16, level uint8) {
		p := chunker.Params{Min: 64 + int(lo), Avg: 64 + int(lo) + int(mid), Max: 65 + int(lo) + int(mid) + int(hi)}
		data = bytes.Repeat(data, int(times)+1)
		equalsOracle(t, p, int(level%5), data[:min(len(data), 1<<17)], "fuzzed")
	})
}
