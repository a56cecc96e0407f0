package report

import (
	"fmt"
	"strings"

	"github.com/artifortress/afs-engine/bench"
)

// columns are the metrics of the tables, two tables a corpus.
var (
	storeColumns = []string{
		bench.IngestFirst, bench.IngestNext, bench.IngestReread, bench.IngestAgain, "memory-ingest",
		"stored-first", "stored-all", "index-all", bench.RestoreDisk, bench.RestoreTmpfs, bench.Reclaim, "left-over",
	}
	mountColumns = []string{
		bench.MountReady, bench.FindCold, bench.FindWarm, bench.ListCold, bench.ListWarm, bench.TarCold, bench.TarWarm,
		bench.SeqCold, bench.SeqWarm, bench.Rand4KCold, bench.Rand4KWarm, bench.Rand128KCold, bench.Rand128KWarm, "memory-mount",
	}
)

// Markdown is the whole report.
func (r *Report) Markdown() string {
	var b strings.Builder
	b.WriteString(r.Setting())
	if t := r.StandingsMarkdown(); t != "" {
		b.WriteString("\n### Ratios to the best of the others\n\n" + t)
	}
	b.WriteString("\n### Where we lose\n\n")
	b.WriteString(r.LossesMarkdown())
	for _, c := range r.results.Corpora {
		fmt.Fprintf(&b, "\n### %s\n\n", c.Name)
		if c.Skipped != "" {
			fmt.Fprintf(&b, "Left out: %s\n", c.Skipped)
			continue
		}
		fmt.Fprintf(&b, "%s. %s.\n\n", upperFirst(corpusLine(c)), upperFirst(r.extent(c)))
		b.WriteString(r.tableMarkdown(c.Name, storeColumns))
		if t := r.tableMarkdown(c.Name, mountColumns); t != "" {
			b.WriteString("\n" + t)
		}
	}
	if r.inner != nil {
		b.WriteString("\n### Inner loops\n\n" + r.inner.markdown())
	}
	b.WriteString("\n### Contenders\n\n")
	b.WriteString(r.contendersMarkdown())
	b.WriteString("\n### Commands\n\n")
	b.WriteString(r.commandsMarkdown())
	return b.String()
}

// summaryColumns are the metrics of the short table.
var summaryColumns = []string{
	bench.IngestFirst, bench.IngestNext, "stored-first", "stored-all", "memory-ingest",
	bench.RestoreDisk, bench.TarCold, bench.Rand4KCold,
}

// Summary is a short table of the first corpus that has numbers.
func (r *Report) Summary() string {
	for _, c := range r.results.Corpora {
		t := r.tableMarkdown(c.Name, summaryColumns)
		if t == "" {
			continue
		}
		won, lost, even := r.Count()
		return r.Setting() + fmt.Sprintf("\n%s.\n\n%s\nAgainst all of them, on all data, in %d comparisons: better in %d, worse in %d, within the noise in %d.\n",
			upperFirst(corpusLine(c)), t, won+lost+even, won, lost, even)
	}
	return "There are no numbers.\n"
}

// Setting says when, on what and how quietly it was measured.
func (r *Report) Setting() string {
	var b strings.Builder
	res := r.results
	fmt.Fprintf(&b, "Measured on %s, in %s, on %s. %s.\n",
		res.Started.Format("2 January 2006"), duration(res.Seconds), machine(res.Host), upperFirst(r.repetitions())+r.spread())
	if !res.Complete {
		fmt.Fprintf(&b, "\n**This run is not complete**: %s.\n", orElse(res.Stopped, "it is under way"))
	}
	if len(res.Noise.Warnings) > 0 {
		fmt.Fprintf(&b, "\n**The machine was not quiet**: %s.\n", strings.Join(res.Noise.Warnings, "; "))
	}
	if res.LeftOut > 0 {
		fmt.Fprintf(&b, "\n%d repetitions of a corpus were left out for lack of time.\n", res.LeftOut)
	}
	if n := r.different(); n > 0 {
		fmt.Fprintf(&b, "\n**%d results were not the bytes that went in**, see the results file.\n", n)
	}
	return b.String()
}

// different counts rows whose bytes were not the source's.
func (r *Report) different() (n int) {
	for _, row := range r.results.Rows {
		if row.Same != nil && !*row.Same {
			n++
		}
	}
	return n
}

// LossesMarkdown is the list of losses.
func (r *Report) LossesMarkdown() string {
	var b strings.Builder
	won, lost, even := r.Count()
	if won+lost+even == 0 {
		return "Nothing was compared: there are no numbers of " + r.subject + " and another contender on the same data.\n"
	}
	fmt.Fprintf(&b, "Of %d comparisons of one number with one contender, %s is better in %d, worse in %d, and in %d the difference is within the noise. Worse, the greatest difference first:\n\n",
		won+lost+even, r.subject, won, lost, even)
	losses := r.Losses()
	if len(losses) == 0 {
		b.WriteString("- nowhere, as far as this run can tell\n")
	}
	for _, l := range losses {
		var to []string
		for _, w := range l.To {
			to = append(to, fmt.Sprintf("%s %s (× %s)", w.Contender, value(l.Metric.Unit, w.Value), factor(w.Ratio.Mean)))
		}
		fmt.Fprintf(&b, "- %s, %s: %s; %s\n", l.Corpus, lowerFirst(l.Metric.Title), value(l.Metric.Unit, l.Ours), strings.Join(to, ", "))
	}
	return b.String()
}

// tableMarkdown has a row for each contender that has a number, or is "".
func (r *Report) tableMarkdown(corpus string, names []string) string {
	var columns []bench.Metric
	for _, name := range names {
		m, _ := bench.MetricOf(name)
		for _, c := range r.contenders() {
			if r.cell(m, corpus, c) != "" {
				columns = append(columns, m)
				break
			}
		}
	}
	if len(columns) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("| less is better |")
	for _, m := range columns {
		fmt.Fprintf(&b, " %s |", m.Title)
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(columns)) + "\n")
	for _, c := range r.contenders() {
		cells, any := "", false
		for _, m := range columns {
			text := r.cell(m, corpus, c)
			any = any || text != ""
			cells += " " + text + " |"
		}
		if any {
			fmt.Fprintf(&b, "| %s |%s\n", r.bold(c), cells)
		}
	}
	return b.String()
}

func (r *Report) cell(m bench.Metric, corpus, contender string) string {
	s := r.table.Summary(m, corpus, contender)
	switch {
	case s.N == 0:
		return r.over(m, corpus, contender)
	case s.N == 1 || m.Unit != bench.Seconds || s.Median == 0:
		return value(m.Unit, s.Median)
	}
	return fmt.Sprintf("%s ± %.0f %%", value(m.Unit, s.Median), 50*(s.Max-s.Min)/s.Median)
}

func (r *Report) bold(contender string) string {
	if contender == r.subject {
		return "**" + contender + "**"
	}
	return contender
}

func (r *Report) contendersMarkdown() string {
	var b strings.Builder
	b.WriteString("| contender | version | what it is here |\n|---|---|---|\n")
	for _, c := range r.results.Contenders {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r.bold(c.Name), orElse(c.Tool, c.Skipped), c.About)
	}
	return b.String()
}

// commandsMarkdown has one command of each kind, as it was run.
func (r *Report) commandsMarkdown() string {
	var b strings.Builder
	b.WriteString("```text\n")
	for _, k := range r.commands() {
		fmt.Fprintf(&b, "# %s, %s\n%s\n", k.Contender, k.Workload, k.Command)
	}
	b.WriteString("```\n")
	return b.String()
}

// commands are the first row of each contender and workload. What is read from
// a mount is the same for all, and shown once.
func (r *Report) commands() []bench.Row {
	type key struct{ contender, workload string }
	seen := map[key]bool{}
	var rows []bench.Row
	for _, row := range r.results.Rows {
		k := key{row.Contender, row.Workload}
		for _, w := range bench.Workloads() {
			if w.Name == row.Workload && w.Mount && w.Name != bench.MountReady {
				k.contender = ""
			}
		}
		if row.Command != "" && !seen[k] {
			seen[k] = true
			rows = append(rows, row)
		}
	}
	return rows
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// lowerFirst makes a title part of a sentence, unless it is a name.
func lowerFirst(s string) string {
	if len(s) > 1 && strings.ToUpper(s[:1]) == s[:1] && strings.ToUpper(s[1:2]) != s[1:2] {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}
