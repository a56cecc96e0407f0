package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/artifortress/afs-engine/bench"
)

//go:embed page.html
var pageText string

// page is what page.html shows.
type page struct {
	Subject    string
	Date       string
	Took       string
	Machine    string
	Load       string
	Reps       string
	Partial    string
	Warnings   []string
	LeftOut    int
	Standings  []standing
	Different  int
	Won        int
	Lost       int
	Open       int
	Losses     []pageLoss
	Corpora    []pageCorpus
	Contenders []bench.ContenderInfo
	Commands   []bench.Row
	Missing    []bench.Row
}

type pageLoss struct{ Corpus, Title, Ours, To string }

type pageCorpus struct {
	Name, About, Skipped string
	Groups               []pageGroup
	Ratios               []pageRatio
	Names                []string // of the ratios' columns
}

type pageGroup struct {
	Title  string
	Charts []pageChart
}

type pageChart struct {
	Title, About, Unit string
	Logarithmic        bool
	SVG                template.HTML
}

type pageRatio struct {
	Title string
	Cells []pageCell
}

type pageCell struct{ Text, Class string }

// HTML writes the report as one page: no scripts, nothing loaded from anywhere.
func (r *Report) HTML(w io.Writer) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	res := r.results
	p := page{
		Subject: r.subject, Date: res.Started.Format("2 January 2006, 15:04 UTC"), Took: duration(res.Seconds),
		Machine: machine(res.Host), Load: fmt.Sprintf("%.2f", res.Noise.LoadBefore), Reps: r.repetitions(), LeftOut: res.LeftOut, Standings: r.standings(),
		Warnings: res.Noise.Warnings, Different: r.different(), Contenders: res.Contenders, Commands: r.commands(),
	}
	if !res.Complete {
		p.Partial = orElse(res.Stopped, "it is under way")
	}
	p.Won, p.Lost, p.Open = r.Count()
	for _, l := range r.Losses() {
		var to []string
		for _, x := range l.To {
			to = append(to, fmt.Sprintf("%s %s (× %s)", x.Contender, value(l.Metric.Unit, x.Value), factor(x.Ratio.Mean)))
		}
		p.Losses = append(p.Losses, pageLoss{l.Corpus, l.Metric.Title, value(l.Metric.Unit, l.Ours), strings.Join(to, ", ")})
	}
	for _, c := range res.Corpora {
		pc, err := r.pageCorpus(c)
		if err != nil {
			return err
		}
		p.Corpora = append(p.Corpora, pc)
	}
	for _, row := range res.Rows {
		if row.Status != bench.OK {
			p.Missing = append(p.Missing, row)
		}
	}
	if err := t.Execute(w, p); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// chartGroups say which charts stand together.
var chartGroups = []struct {
	title   string
	metrics []string
}{
	{"Space", []string{"stored-first", "stored-all", "left-over"}},
	{"Ingest", []string{bench.IngestFirst, bench.IngestNext, bench.IngestReread, bench.IngestAgain, "cpu-ingest", "memory-ingest", "written-ingest"}},
	{"Restore and reclaim", []string{bench.RestoreDisk, bench.RestoreTmpfs, "memory-restore", bench.Reclaim}},
	{"Mount", append([]string{bench.MountReady}, mountColumns[1:]...)},
}

func (r *Report) pageCorpus(c bench.CorpusInfo) (pageCorpus, error) {
	pc := pageCorpus{Name: c.Name, About: upperFirst(corpusLine(c)) + ". " + upperFirst(r.extent(c)), Skipped: c.Skipped}
	for _, g := range chartGroups {
		group := pageGroup{Title: g.title}
		for _, name := range g.metrics {
			m, _ := bench.MetricOf(name)
			ch, ok, err := r.pageChart(c.Name, m)
			if err != nil {
				return pc, err
			}
			if ok {
				group.Charts = append(group.Charts, ch)
			}
		}
		if len(group.Charts) > 0 {
			pc.Groups = append(pc.Groups, group)
		}
	}
	r.ratios(&pc)
	return pc, nil
}

// units are how the direction of a chart is put.
var units = map[bench.Unit]string{
	bench.Seconds: "time, less is better",
	bench.Bytes:   "bytes, less is better",
	bench.Times:   "ratio, 1 is ideal, less is better",
}

func (r *Report) pageChart(corpus string, m bench.Metric) (pageChart, bool, error) {
	ch := pageChart{Title: m.Title, About: m.About, Unit: units[m.Unit]}
	index, _ := bench.MetricOf("index-all")
	var bars []bar
	any := false
	for _, c := range r.contenders() {
		s := r.table.Summary(m, corpus, c)
		if s.N == 0 {
			if note := r.absent(m, corpus); c == r.subject && note != "" {
				bars = append(bars, bar{name: c, absent: note, subject: true})
			} else if note := r.over(m, corpus, c); note != "" {
				bars = append(bars, bar{name: c, absent: note})
			}
			continue
		}
		any = true
		b := bar{name: c, s: s, subject: c == r.subject}
		if m.Name == "stored-all" {
			b.beside = r.table.Summary(index, corpus, c).Median
		}
		bars = append(bars, b)
	}
	if !any {
		return ch, false, nil
	}
	svg, logarithmic, err := chart(m.Unit, bars)
	ch.SVG, ch.Logarithmic = template.HTML(svg), logarithmic // chart escapes what it takes from results
	return ch, err == nil, err
}

// absent says why the subject has no number for a metric, if a row does.
func (r *Report) absent(m bench.Metric, corpus string) string {
	for _, row := range r.results.Rows {
		if row.Corpus == corpus && row.Contender == r.subject && row.Status != bench.OK && m.From(row.Workload) {
			return row.Note
		}
	}
	return ""
}

// ratios fills in the table of ratios.
func (r *Report) ratios(pc *pageCorpus) {
	for _, name := range r.contenders() {
		if name != r.subject {
			pc.Names = append(pc.Names, name)
		}
	}
	for _, m := range bench.Metrics() {
		ours := r.table.Values(m, pc.Name, r.subject)
		row, any := pageRatio{Title: m.Title}, false
		for _, name := range pc.Names {
			ratio := bench.PairedRatio(ours, r.table.Values(m, pc.Name, name))
			cell := pageCell{Text: times(ratio)}
			switch judge(m, ratio) {
			case worse:
				cell.Class = "worse"
			case better:
				cell.Class = "better"
			}
			any = any || ratio.N > 0
			row.Cells = append(row.Cells, cell)
		}
		if any {
			pc.Ratios = append(pc.Ratios, row)
		}
	}
}
