package bench

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestSummaries(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   Summary
	}{
		{nil, Summary{}},
		{[]float64{3}, Summary{1, 3, 3, 3}},
		{[]float64{4, 1, 2}, Summary{3, 1, 2, 4}},
		{[]float64{4, 1, 2, 3}, Summary{4, 1, 2.5, 4}},
	} {
		if got := Summarize(c.values); got != c.want {
			t.Errorf("%v: %v, want %v", c.values, got, c.want)
		}
	}
}

func TestRatiosArePaired(t *testing.T) {
	a := map[int]float64{1: 2, 2: 20, 3: 200, 4: 7}
	b := map[int]float64{1: 1, 2: 10, 3: 100}
	if r := PairedRatio(a, b); r.N != 3 || math.Abs(r.Mean-2) > 1e-9 || math.Abs(r.Low-2) > 1e-9 || math.Abs(r.High-2) > 1e-9 {
		t.Errorf("twice as much each time, however the machine drifts: %+v", r)
	}
	if r := PairedRatio(a, map[int]float64{4: 14}); r.N != 1 || r.Mean != 0.5 || !math.IsNaN(r.Low) {
		t.Errorf("one pair: %+v", r)
	}
	if r := PairedRatio(a, nil); r.N != 0 || !math.IsNaN(r.Mean) {
		t.Errorf("no pair: %+v", r)
	}
}

// The interval has the truth in it about as often as it says. With ten pairs a
// bootstrap is somewhat too sure of itself; far below means that it is wrong.
func TestIntervalsCoverTheTruth(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	const truth, rounds = 1.5, 300
	covered := 0
	for range rounds {
		a, b := map[int]float64{}, map[int]float64{}
		for rep := range 10 {
			b[rep] = 1 + rnd.Float64()
			a[rep] = b[rep] * truth * math.Exp(0.1*rnd.NormFloat64())
		}
		r := PairedRatio(a, b)
		if r.Low > r.Mean || r.Mean > r.High {
			t.Fatalf("%+v", r)
		}
		if r.Low <= truth && truth <= r.High {
			covered++
		}
	}
	if part := float64(covered) / rounds; part < 0.85 || part > 0.99 {
		t.Errorf("the truth is in %.0f %% of the intervals", 100*part)
	}
}

func TestTheSameResultsGiveTheSameInterval(t *testing.T) {
	a, b := map[int]float64{1: 2, 2: 3, 3: 5}, map[int]float64{1: 1, 2: 2, 3: 3}
	if x, y := PairedRatio(a, b), PairedRatio(a, b); x != y {
		t.Errorf("%v and %v", x, y)
	}
}
