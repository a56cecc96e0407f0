package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/artifortress/afs-engine/bench"
)

// contest is a number of the subject beside the best of some others.
type contest struct {
	title  string
	corpus string
	metric string
	among  []string // contenders
	beside string   // instead of among: another metric of the subject
}

// chunking are the contenders that find what releases have in common.
var chunking = []string{"restic", "borg", "casync", "bup"}

// contests are what tools of this kind are chosen by.
var contests = []contest{
	{"First ingest of unique data, files", "toolchains", bench.IngestFirst, chunking, ""},
	{"First ingest of unique data, one large file", "binaries", bench.IngestFirst, chunking, ""},
	{"Following releases, everything read", "toolchains", bench.IngestNext, chunking, ""},
	{"Everything known, but read: one large file", "binaries", bench.IngestReread, chunking, ""},
	{"Unchanged, again", "toolchains", bench.IngestAgain, chunking, ""},
	{"Stored, all releases of programs and source", "toolchains", "stored-all", append([]string{"squashfs"}, chunking...), ""},
	{"Stored, all releases of large text files", "typescript", "stored-all", chunking, ""},
	{"Stored, all releases of small text files", "text", "stored-all", chunking, ""},
	{"Restore to memory", "toolchains", bench.RestoreTmpfs, []string{"restic", "borg", "casync"}, ""},
	{"Restore to memory, beside a copy", "toolchains", bench.RestoreTmpfs, []string{"cp"}, ""},
	{"First ingest on all cores, beside one core", "binaries", bench.IngestFirst, nil, bench.IngestOneCore},
}

// innerContests compare inner loops with their reference.
var innerContests = []struct{ title, ours, theirs, who string }{
	{"Cutting, AVX-512, 16 KiB on average", "Cut/avx512/data=%s/avg=16K", "Cut/jotfs/data=%s/avg=16K", "jotfs/fastcdc-go"},
	{"Cutting, AVX-512, 64 KiB on average", "Cut/avx512/data=%s/avg=64K", "Cut/jotfs/data=%s/avg=64K", "jotfs/fastcdc-go"},
	{"Cutting, plain Go, 16 KiB on average", "Cut/go/data=%s/avg=16K", "Cut/jotfs/data=%s/avg=16K", "jotfs/fastcdc-go"},
	{"Cutting, plain Go, 64 KiB on average", "Cut/go/data=%s/avg=64K", "Cut/jotfs/data=%s/avg=64K", "jotfs/fastcdc-go"},
}

// standing is how a contest came out.
type standing struct {
	Title, Data, Ours, Who, Theirs string
	Ratio, Inverse                 string
	Class                          string // for the page: better, worse
}

// best finds who has the least of a metric.
func (r *Report) best(m bench.Metric, corpus string, among []string) (name string, s bench.Summary) {
	for _, c := range among {
		if x := r.table.Summary(m, corpus, c); x.N > 0 && (s.N == 0 || x.Median < s.Median) {
			name, s = c, x
		}
	}
	return name, s
}

// standings are the contests of which there are numbers.
func (r *Report) standings() []standing {
	var all []standing
	for _, c := range contests {
		m, _ := bench.MetricOf(c.metric)
		other, who := m, ""
		var theirs bench.Summary
		if c.beside == "" {
			who, theirs = r.best(m, c.corpus, c.among)
		} else {
			other, _ = bench.MetricOf(c.beside)
			who, theirs = r.best(other, c.corpus, []string{r.subject})
		}
		ours := r.table.Summary(m, c.corpus, r.subject)
		if ours.N == 0 || theirs.N == 0 {
			continue
		}
		a, b := r.table.Values(m, c.corpus, r.subject), r.table.Values(other, c.corpus, who)
		all = append(all, stand(m, standing{Title: c.title, Data: c.corpus, Ours: value(m.Unit, ours.Median), Who: who, Theirs: value(m.Unit, theirs.Median)}, a, b))
	}
	for _, c := range innerContests {
		for _, data := range []string{"binaries", "random"} {
			a, b := r.inner.values(fmt.Sprintf(c.ours, data), "ns/op"), r.inner.values(fmt.Sprintf(c.theirs, data), "ns/op")
			if len(a) == 0 || len(b) == 0 {
				continue
			}
			all = append(all, stand(bench.Metric{Unit: bench.Seconds}, standing{Title: c.title, Data: data + ", in memory", Ours: perOp(a), Who: c.who, Theirs: perOp(b)}, a, b))
		}
	}
	return all
}

func perOp(ns map[int]float64) string {
	return duration(bench.Summarize(slices.Collect(maps.Values(ns))).Median / 1e9)
}

// stand fills in what the values of both come to.
func stand(m bench.Metric, s standing, ours, theirs map[int]float64) standing {
	r := bench.PairedRatio(ours, theirs)
	s.Ratio, s.Inverse = times(r), times(bench.PairedRatio(theirs, ours))
	switch judge(m, r) {
	case better:
		s.Class = "better"
	case worse:
		s.Class = "worse"
	}
	return s
}

// StandingsMarkdown is the table of contests, or "".
func (r *Report) StandingsMarkdown() string {
	all := r.standings()
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| less is better | data | %s | best of the others | | ratio to it | the other way round |\n|---|---|---:|---|---:|---:|---:|\n", r.subject)
	for _, s := range all {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", s.Title, s.Data, s.Ours, s.Who, s.Theirs, s.Ratio, s.Inverse)
	}
	return b.String()
}
