package bench

import (
	"fmt"
	"math"
	"slices"
)

// Change is a metric of one contender in two runs.
type Change struct {
	Corpus, Contender string
	Metric            Metric
	Old, New          Summary
	Ratio             float64 // of the medians: above 1 is worse
	Noise             float64 // what would have to be expected anyway, as a part of 1
	Beyond            bool    // the ratio is beyond the noise
}

// Comparison is what two runs say of each other.
type Comparison struct {
	Changes []Change // all metrics that both runs have
	Drift   float64  // how much slower the other contenders were in the new run, who did not change
	Notes   []string // what makes the comparison doubtful
}

// The least change that is taken for one.
const (
	timeChangeMin  = 0.05
	spaceChangeMin = 0.005
)

// Compare compares two runs. subject is the contender that changed; the others
// show what the machine did.
func Compare(older, newer *Results, subject string) Comparison {
	c := Comparison{Drift: 1}
	if older.Host != newer.Host {
		c.Notes = append(c.Notes, "the runs were made on different machines or systems")
	}
	for _, r := range []*Results{older, newer} {
		for _, w := range r.Noise.Warnings {
			c.Notes = append(c.Notes, fmt.Sprintf("run of %s: %s", r.Started.Format("2006-01-02 15:04"), w))
		}
	}
	a, b := NewTable(older), NewTable(newer)
	var drifts []float64
	for _, corpus := range newer.Corpora {
		for _, contender := range newer.Contenders {
			for _, m := range Metrics() {
				ch := Change{Corpus: corpus.Name, Contender: contender.Name, Metric: m}
				ch.Old, ch.New = a.Summary(m, corpus.Name, contender.Name), b.Summary(m, corpus.Name, contender.Name)
				if ch.Old.N == 0 || ch.New.N == 0 || ch.Old.Median <= 0 || ch.New.Median <= 0 {
					continue
				}
				ch.Ratio = ch.New.Median / ch.Old.Median
				c.Changes = append(c.Changes, ch)
				if contender.Name != subject && m.Unit == Seconds {
					drifts = append(drifts, ch.Ratio)
				}
			}
		}
	}
	if len(drifts) > 0 {
		c.Drift = Summarize(drifts).Median
	}
	for i := range c.Changes {
		c.Changes[i].judge(c.Drift)
	}
	return c
}

// judge decides whether a change is beyond noise: larger than the least change
// that counts, than what the machine did to all, and such that the two runs'
// values lie apart.
func (ch *Change) judge(drift float64) {
	ch.Noise = spaceChangeMin
	if ch.Metric.Unit == Seconds || ch.Metric.Name == "memory-ingest" || ch.Metric.Name == "memory-restore" || ch.Metric.Name == "memory-mount" {
		ch.Noise = max(timeChangeMin, max(drift, 1/drift)-1, ch.Old.Max/ch.Old.Min-1, ch.New.Max/ch.New.Min-1)
	}
	apart := ch.New.Min > ch.Old.Max || ch.New.Max < ch.Old.Min
	ch.Beyond = apart && math.Abs(math.Log(ch.Ratio)) > math.Log1p(ch.Noise)
}

// Regressions are the changes for the worse, beyond noise, of one contender.
func (c Comparison) Regressions(subject string) []Change {
	return slices.DeleteFunc(slices.Clone(c.Changes), func(ch Change) bool {
		return ch.Contender != subject || !ch.Beyond || ch.Ratio <= 1
	})
}
