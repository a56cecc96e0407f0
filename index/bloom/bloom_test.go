package bloom

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// grown is a filter that grew as its owner lets it: a part at a time, when it
// is full, from all the keys that are in it.
type grown struct {
	Filter
	keys  [Parts][]uint64
	scans int // keys listed for growth
}

func (g *grown) add(t testing.TB, key uint64) {
	n := PartOf(key)
	if !g.Room(n, 1) {
		check(t, g.Grow(n, 1, func(yield func(uint64)) error {
			for _, k := range g.keys[n] {
				yield(k)
			}
			return nil
		}))
		g.scans += len(g.keys[n])
	}
	g.Add(key)
	g.keys[n] = append(g.keys[n], key)
}

func TestWhatWasAddedIsFoundThroughGrowth(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var g grown
	const keys = 300_000
	for i := range keys {
		g.add(t, r.Uint64())
		if i%50_000 == 0 || i == keys-1 {
			for _, part := range g.keys {
				for _, k := range part {
					if !g.Has(k) {
						t.Fatalf("%#x is lost after %d keys", k, i+1)
					}
				}
			}
		}
	}
	if got := g.Keys(); got != keys {
		t.Errorf("%d keys, want %d", got, keys)
	}
	if g.scans > keys*5/4 {
		t.Errorf("%d keys were listed again for %d added: growth does not double", g.scans, keys)
	}
}

// Whatever the number of keys is, the mean of the parts' states stays.
func TestMemoryAndFalsePositivesStayWithinBoundsWhileItGrows(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var g grown
	n := 0
	for _, keys := range []int{300_000, 350_000, 400_000, 450_000, 500_000, 550_000, 600_000} {
		for ; n < keys; n++ {
			g.add(t, r.Uint64())
		}
		perKey := float64(g.Bytes()*8) / float64(n)
		wrong, asked := 0, 100_000
		for range asked {
			if g.Has(r.Uint64()) {
				wrong++
			}
		}
		rate := float64(wrong) / float64(asked)
		t.Logf("%d keys: %.2f bits a key, false positives %.2f %%", n, perKey, 100*rate)
		if perKey < 9 || perKey > 13 || rate > 0.02 {
			t.Errorf("%d keys: %.2f bits a key, %.2f %% false positives", n, perKey, 100*rate)
		}
	}
}

// Keys that are not uniform only make it say yes more often.
func TestKeysThatAreAlikeAreFoundToo(t *testing.T) {
	var g grown
	for i := range uint64(5000) {
		g.add(t, i)
		g.add(t, i<<40)
	}
	for _, part := range g.keys {
		for _, k := range part {
			if !g.Has(k) {
				t.Fatalf("%#x is lost", k)
			}
		}
	}
}

func TestAnEmptyFilterHasNothingAndTakesNothing(t *testing.T) {
	var f Filter
	if f.Has(0) || f.Has(1<<63) || f.Bytes() != 0 || f.Keys() != 0 {
		t.Fatal("it holds something")
	}
}

func TestAPartWhoseKeysCannotBeListedStays(t *testing.T) {
	var f Filter
	f.Add(5)
	broken := errors.New("broken")
	err := f.Grow(0, 1000, func(yield func(uint64)) error { yield(6); return broken })
	if !errors.Is(err, broken) || !f.Has(5) || f.Keys() != 1 {
		t.Fatalf("%v, has %v, %d keys", err, f.Has(5), f.Keys())
	}
}

func TestReadersNeverMissWhatIsThereWhileItGrows(t *testing.T) {
	const keys = 200_000
	r := rand.New(rand.NewPCG(5, 6))
	all := make([]uint64, keys)
	for i := range all {
		all[i] = r.Uint64()
	}
	var g grown
	var added atomic.Int64
	var wg sync.WaitGroup
	for seed := range uint64(2) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(7, seed))
			for {
				n := added.Load()
				if n == keys {
					return
				}
				if n > 0 {
					if k := all[r.Int64N(n)]; !g.Has(k) {
						t.Errorf("%#x is missing", k)
						return
					}
				}
			}
		})
	}
	for _, k := range all {
		g.add(t, k)
		added.Add(1)
	}
	wg.Wait()
}

func BenchmarkHas(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range []struct {
		name string
		keys int
	}{{"1M", 1_000_000}, {"20M", 20_000_000}} {
		var f Filter
		for n := range Parts {
			f.put(n, size.keys/Parts)
		}
		for range size.keys {
			f.Add(r.Uint64())
		}
		b.Run(size.name, func(b *testing.B) {
			x, found := uint64(1), 0
			for b.Loop() {
				x = x*6364136223846793005 + 1442695040888963407
				if f.Has(x ^ x>>29) {
					found++
				}
			}
			b.ReportMetric(float64(f.Bytes())*8/float64(size.keys), "bits/key")
			b.ReportMetric(100*float64(found)/float64(b.N), "%false")
		})
	}
}
