// Package report makes what people read of a benchmark's results: Markdown
// tables and one HTML page that needs nothing else.
//
// A report says what was measured, on what, how it is to be read, and where the
// subject loses, before it says anything else. Nothing in it is chosen by hand:
// the same results always make the same report. Less is better in every number
// of it, and a ratio is the subject's value over the other's.
package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/artifortress/afs-engine/bench"
)

// Report is a report of one run.
type Report struct {
	results *bench.Results
	table   bench.Table
	subject string // the contender that it is about
	inner   *Inner // nil: they were not measured
}

// New prepares a report.
func New(r *bench.Results, subject string) *Report {
	return &Report{results: r, table: bench.NewTable(r), subject: subject}
}

// WithInner adds the inner loops to a report.
func (r *Report) WithInner(in *Inner) *Report {
	r.inner = in
	return r
}

// contenders are the names of all that have a number, in order.
func (r *Report) contenders() []string {
	var names []string
	for _, c := range r.results.Contenders {
		if c.Skipped == "" {
			names = append(names, c.Name)
		}
	}
	return names
}

// value is a number as people read it, with its unit.
func value(u bench.Unit, v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case u == bench.Bytes:
		return size(v)
	case u == bench.Times:
		return fmt.Sprintf("%.2f", v)
	}
	return duration(v)
}

func duration(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f s", v)
	case v >= 10:
		return fmt.Sprintf("%.1f s", v)
	case v >= 1:
		return fmt.Sprintf("%.2f s", v)
	case v >= 1e-3:
		return fmt.Sprintf("%.3g ms", v*1e3)
	case v >= 1e-6:
		return fmt.Sprintf("%.3g µs", v*1e6)
	}
	return fmt.Sprintf("%.3g ns", v*1e9)
}

func size(v float64) string {
	switch {
	case v >= 1e9:
		return fmt.Sprintf("%.2f GB", v/1e9)
	case v >= 1e7:
		return fmt.Sprintf("%.0f MB", v/1e6)
	case v >= 1e5:
		return fmt.Sprintf("%.1f MB", v/1e6)
	}
	return fmt.Sprintf("%.0f kB", v/1e3)
}

// times is a ratio as people read it, with its interval if it has one.
func times(r bench.Ratio) string {
	switch {
	case r.N == 0:
		return "–"
	case r.N == 1:
		return factor(r.Mean) + " (one pair)"
	}
	return fmt.Sprintf("%s (%s–%s)", factor(r.Mean), factor(r.Low), factor(r.High))
}

func factor(v float64) string {
	switch {
	case v >= 10:
		return fmt.Sprintf("%.0f", v)
	case v >= 2:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// repetitions are how often it was measured, over all data.
func (r *Report) repetitions() string {
	least, most := 0, 0
	for _, c := range r.results.Corpora {
		n := r.repetitionsOf(c.Name)
		if n == 0 {
			continue
		}
		if least == 0 || n < least {
			least = n
		}
		most = max(most, n)
	}
	text := count(most, "repetition")
	if least < most {
		text = fmt.Sprintf("%d to %s, as it says with the data", least, text)
	}
	if once := r.once(most); len(once) > 0 {
		text += ", of " + strings.Join(once, ", ") + " one"
	}
	return text
}

// spread says how the numbers of several repetitions are put.
func (r *Report) spread() string {
	for _, c := range r.results.Corpora {
		if r.repetitionsOf(c.Name) > 1 {
			return ": the median, and after ± half of what lies between the fastest and the slowest"
		}
	}
	return ""
}

// repetitionsOf is how often a corpus was gone over.
func (r *Report) repetitionsOf(corpus string) (n int) {
	for _, row := range r.results.Rows {
		if row.Corpus == corpus {
			n = max(n, row.Rep)
		}
	}
	return n
}

// once are the contenders that had one turn in all where others had more.
func (r *Report) once(most int) []string {
	if most < 2 {
		return nil
	}
	rep := map[string]int{}
	for _, row := range r.results.Rows {
		if r.repetitionsOf(row.Corpus) > 1 {
			rep[row.Contender] = max(rep[row.Contender], row.Rep)
		}
	}
	var names []string
	for _, c := range r.results.Contenders {
		if rep[c.Name] == 1 {
			names = append(names, c.Name)
		}
	}
	return names
}

func count(n int, what string) string {
	if n == 1 {
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// over is what is known of a number that a limit kept from being measured:
// "> 60 s", or "".
func (r *Report) over(m bench.Metric, corpus, contender string) string {
	for _, row := range r.results.Rows {
		if row.Status == bench.Over && row.Corpus == corpus && row.Contender == contender && row.Workload == m.Name {
			return "> " + duration(row.Seconds)
		}
	}
	return ""
}

// machine is the machine in one line.
func machine(h bench.Host) string {
	parts := []string{fmt.Sprintf("%d cores %s", h.Cores, h.CPU), fmt.Sprintf("%.0f GiB", float64(h.Memory)/(1<<30)), h.Filesystem, h.System, h.Kernel}
	var known []string
	for _, p := range parts {
		if p != "" {
			known = append(known, p)
		}
	}
	return strings.Join(known, ", ")
}

// extent is how much was done with a corpus.
func (r *Report) extent(c bench.CorpusInfo) string {
	text := count(r.repetitionsOf(c.Name), "repetition")
	if c.Part == "" {
		return text
	}
	return text + ". Of all that there is: " + c.Part
}

// corpusLine is what a corpus consists of.
func corpusLine(c bench.CorpusInfo) string {
	if len(c.Releases) == 0 {
		return c.About
	}
	last := c.Releases[len(c.Releases)-1]
	var total int64
	for _, r := range c.Releases {
		total += r.Bytes
	}
	text := fmt.Sprintf("%s; the newest has %d files, %s", c.About, last.Files, size(float64(last.Bytes)))
	if len(c.Releases) > 1 {
		text += fmt.Sprintf(", all %d releases have %s", len(c.Releases), size(float64(total)))
	}
	return text
}
