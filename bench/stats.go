package bench

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
)

// Summary is what a few repetitions come to.
type Summary struct {
	N                int
	Min, Median, Max float64
}

// Summarize sums up values.
func Summarize(values []float64) Summary {
	if len(values) == 0 {
		return Summary{}
	}
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return Summary{N: n, Min: v[0], Median: (v[(n-1)/2] + v[n/2]) / 2, Max: v[n-1]}
}

// Ratio is how many times larger one contender's values are than another's:
// the geometric mean of the ratios within each repetition, and the interval
// that covers it with 95 % confidence. N is the number of pairs; with one there
// is no interval, and Low and High are NaN.
type Ratio struct {
	N               int
	Mean, Low, High float64
}

// The interval is made by resampling the pairs (B. Efron, Bootstrap methods:
// another look at the jackknife, 1979). It always starts from the same seed: a
// report of the same results is the same report.
const (
	resamples     = 4000
	resampleSeed  = 1
	confidence    = 0.95
	confidentTail = (1 - confidence) / 2
)

// PairedRatio compares a with b, repetition by repetition. Repetitions that one
// of them lacks, and values that are not positive, do not count.
func PairedRatio(a, b map[int]float64) Ratio {
	var logs []float64
	for _, rep := range slices.Sorted(maps.Keys(a)) {
		if x, y := a[rep], b[rep]; x > 0 && y > 0 {
			logs = append(logs, math.Log(x/y))
		}
	}
	r := Ratio{N: len(logs), Mean: math.NaN(), Low: math.NaN(), High: math.NaN()}
	if r.N == 0 {
		return r
	}
	r.Mean = math.Exp(mean(logs))
	if r.N == 1 {
		return r
	}
	rnd := rand.New(rand.NewPCG(resampleSeed, uint64(r.N)))
	means := make([]float64, resamples)
	for i := range means {
		var sum float64
		for range logs {
			sum += logs[rnd.IntN(len(logs))]
		}
		means[i] = sum / float64(len(logs))
	}
	slices.Sort(means)
	at := int(confidentTail * resamples)
	r.Low, r.High = math.Exp(means[at]), math.Exp(means[resamples-1-at])
	return r
}

func mean(v []float64) float64 {
	var sum float64
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}
