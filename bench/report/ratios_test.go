package report

import (
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/bench"
)

// raced are results on two corpora: restic is the fastest of those who count,
// cp faster still.
func raced() *bench.Results {
	r := &bench.Results{Schema: bench.Schema, Reps: 3, Complete: true, Corpora: []bench.CorpusInfo{{Name: "toolchains", About: "programs"}, {Name: "binaries", About: "one file", Part: "only ingest-first"}}}
	for name, seconds := range map[string]float64{"ours": 1, "restic": 3, "casync": 4, "bup": 9, "cp": 0.5} {
		r.Contenders = append(r.Contenders, bench.ContenderInfo{Name: name, About: name})
		for rep := 1; rep <= 3; rep++ {
			if name == "bup" && rep > 1 {
				continue
			}
			r.Rows = append(r.Rows, bench.Row{Corpus: "toolchains", Workload: bench.IngestFirst, Contender: name, Rep: rep, Status: bench.OK, Seconds: seconds * float64(rep)})
		}
	}
	r.Rows = append(r.Rows,
		bench.Row{Corpus: "binaries", Workload: bench.IngestFirst, Contender: "ours", Rep: 1, Status: bench.OK, Seconds: 2},
		bench.Row{Corpus: "binaries", Workload: bench.IngestOneCore, Contender: "ours", Rep: 1, Status: bench.OK, Seconds: 3},
		bench.Row{Corpus: "toolchains", Workload: bench.TarCold, Contender: "ours", Rep: 1, Status: bench.OK, Seconds: 2},
		bench.Row{Corpus: "toolchains", Workload: bench.TarCold, Contender: "bup", Rep: 1, Status: bench.Over, Seconds: 15, Note: "ended"},
	)
	return r
}

func TestRatiosAreToTheBestOfTheOthers(t *testing.T) {
	in, err := ParseInner(innerText)
	if err != nil {
		t.Fatal(err)
	}
	text := New(raced(), "ours").WithInner(in).Markdown()
	for _, want := range []string{
		"| First ingest of unique data, files | toolchains | 2.00 s | restic | 6.00 s | 0.33 (0.33–0.33) | 3.0 (3.0–3.0) |\n",
		"| First ingest on all cores, beside one core | binaries | 2.00 s | ours | 3.00 s | 0.67 (one pair) | 1.50 (one pair) |\n",
		"| Cutting, AVX-512, 16 KiB on average | random, in memory | 1.5 µs | jotfs/fastcdc-go | 12 µs | 0.13 (0.13–0.13) | 8.0 (8.0–8.0) |\n",
		"| Cut/jotfs/data=random/avg=16K | 12 µs | 0.938 GB/s | 900 B | 4 fish/op |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "Unchanged, again |") {
		t.Error("there is a ratio of what was not measured")
	}
	if New(&bench.Results{}, "ours").StandingsMarkdown() != "" {
		t.Error("there are ratios of nothing")
	}
}

func TestAReportSaysHowOftenAndHowMuch(t *testing.T) {
	r := New(raced(), "ours")
	var page strings.Builder
	if err := r.HTML(&page); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"page": page.String(), "markdown": r.Markdown()} {
		for _, want := range []string{"1 to 3 repetitions, as it says with the data, of bup one", "One repetition. Of all that there is: only ingest-first", "15.0 s"} {
			if !strings.Contains(strings.ToLower(text), strings.ToLower(want)) {
				t.Errorf("%s does not say %q", name, want)
			}
		}
	}
	if !strings.Contains(r.Markdown(), "| bup | ") || !strings.Contains(r.Markdown(), "> 15.0 s |") {
		t.Error("what went over the limit is not in the table")
	}
}
