package report

import (
	"cmp"
	"slices"

	"github.com/artifortress/afs-engine/bench"
)

// Loss is a metric in which another contender is better than the subject.
type Loss struct {
	Corpus string
	Metric bench.Metric
	Ours   float64
	To     []Winner // the best first
}

// Winner is one who is better, and by how much.
type Winner struct {
	Contender string
	Value     float64
	Ratio     bench.Ratio // the subject's over the winner's: above 1
}

// verdict is what a ratio says.
type verdict int

const (
	unknown verdict = iota // there is no pair
	open                   // within the noise
	better
	worse
)

// How far from 1 a ratio has to be: with an interval that leaves 1 out, and
// where a single pair has to do. Sizes hardly vary from one run to the next;
// times do.
const (
	ratioMin      = 1.02
	ratioMinAlone = 1.2
)

// judge says whether the subject is better, with a ratio of its value over
// another's.
func judge(m bench.Metric, r bench.Ratio) verdict {
	least := ratioMin
	if r.N == 1 && m.Unit == bench.Seconds {
		least = ratioMinAlone
	}
	switch {
	case r.N == 0:
		return unknown
	case r.Mean > least && (r.N == 1 || r.Low > 1):
		return worse
	case r.Mean < 1/least && (r.N == 1 || r.High < 1):
		return better
	}
	return open
}

// Losses are all metrics in which the subject loses beyond doubt: the interval
// of the ratio lies above 1. The greatest come first.
func (r *Report) Losses() []Loss {
	var losses []Loss
	for _, c := range r.results.Corpora {
		for _, m := range bench.Metrics() {
			ours := r.table.Values(m, c.Name, r.subject)
			if len(ours) == 0 {
				continue
			}
			l := Loss{Corpus: c.Name, Metric: m, Ours: r.table.Summary(m, c.Name, r.subject).Median}
			for _, name := range r.contenders() {
				theirs := r.table.Values(m, c.Name, name)
				ratio := bench.PairedRatio(ours, theirs)
				if name == r.subject || judge(m, ratio) != worse {
					continue
				}
				l.To = append(l.To, Winner{name, r.table.Summary(m, c.Name, name).Median, ratio})
			}
			if len(l.To) == 0 {
				continue
			}
			slices.SortFunc(l.To, func(a, b Winner) int { return cmp.Compare(b.Ratio.Mean, a.Ratio.Mean) })
			losses = append(losses, l)
		}
	}
	slices.SortStableFunc(losses, func(a, b Loss) int { return cmp.Compare(b.To[0].Ratio.Mean, a.To[0].Ratio.Mean) })
	return losses
}

// Count says how many comparisons the subject wins, loses, and cannot tell,
// over all metrics and contenders.
func (r *Report) Count() (won, lost, even int) {
	for _, c := range r.results.Corpora {
		for _, m := range bench.Metrics() {
			ours := r.table.Values(m, c.Name, r.subject)
			for _, name := range r.contenders() {
				if name == r.subject {
					continue
				}
				switch judge(m, bench.PairedRatio(ours, r.table.Values(m, c.Name, name))) {
				case worse:
					lost++
				case better:
					won++
				case open:
					even++
				}
			}
		}
	}
	return won, lost, even
}
