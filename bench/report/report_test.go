package report

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/bench"
)

// made are results of three contenders on two corpora: "fast" is better in
// time, "small" in space, and "even" can hardly be told from the subject.
func made() *bench.Results {
	r := &bench.Results{
		Schema: bench.Schema, Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Seconds: 61, Complete: true, Reps: 3,
		Host: bench.Host{CPU: "A CPU", Cores: 2, Memory: 8 << 30, Filesystem: "ext4"},
		Corpora: []bench.CorpusInfo{
			{Name: "apps", About: "made up", Releases: []bench.ReleaseInfo{{Name: "1", Files: 10, Bytes: 1e6}, {Name: "2", Files: 11, Bytes: 2e6}}},
			{Name: "far", About: "not there", Skipped: "the proxy said no"},
		},
	}
	for _, c := range []struct {
		name    string
		seconds float64
		stored  int64
	}{{"subject", 2, 1000_000}, {"fast", 1, 2000_000}, {"small", 8, 500_000}, {"even", 2.02, 1001_000}} {
		r.Contenders = append(r.Contenders, bench.ContenderInfo{Name: c.name, About: "about " + c.name, Tool: c.name + " 1.0"})
		for rep := 1; rep <= 3; rep++ {
			noise := 1 + 0.01*float64((rep*7+len(c.name))%5)
			r.Rows = append(r.Rows, bench.Row{
				Corpus: "apps", Release: "1", Workload: bench.IngestFirst, Contender: c.name, Rep: rep, Status: bench.OK,
				Command: c.name + " store <it>", Seconds: c.seconds * noise, StoredBytes: c.stored, PeakBytes: 5e6,
			})
		}
	}
	r.Contenders = append(r.Contenders, bench.ContenderInfo{Name: "absent", About: "not here", Skipped: "not installed: absent"})
	r.Rows = append(r.Rows, bench.Row{Corpus: "apps", Workload: bench.Reclaim, Contender: "subject", Rep: 1, Status: bench.Skipped, Note: "not built yet"},
		bench.Row{Corpus: "apps", Workload: bench.Reclaim, Contender: "fast", Rep: 1, Status: bench.OK, Seconds: 3})
	return r
}

func TestLossesAreFrankAndBeyondNoise(t *testing.T) {
	r := New(made(), "subject")
	var got []string
	for _, l := range r.Losses() {
		for _, w := range l.To {
			got = append(got, l.Metric.Name+" "+w.Contender)
		}
	}
	if want := "[stored-first small ingest-first fast]"; fmt.Sprint(got) != want && fmt.Sprint(got) != "[ingest-first fast stored-first small]" {
		t.Errorf("losses %v, want %s", got, want)
	}
	won, lost, even := r.Count()
	if won != 2 || lost != 2 || even < 2 {
		t.Errorf("%d won, %d lost, %d within the noise", won, lost, even)
	}
}

func TestVerdicts(t *testing.T) {
	seconds, size := bench.Metric{Unit: bench.Seconds}, bench.Metric{Unit: bench.Bytes}
	for _, c := range []struct {
		m    bench.Metric
		r    bench.Ratio
		want verdict
	}{
		{seconds, bench.Ratio{}, unknown},
		{seconds, bench.Ratio{N: 3, Mean: 1.5, Low: 1.3, High: 1.7}, worse},
		{seconds, bench.Ratio{N: 3, Mean: 1.5, Low: 0.9, High: 1.7}, open},
		{seconds, bench.Ratio{N: 3, Mean: 1.01, Low: 1.005, High: 1.02}, open},
		{seconds, bench.Ratio{N: 3, Mean: 0.5, Low: 0.4, High: 0.6}, better},
		{seconds, bench.Ratio{N: 1, Mean: 1.1, Low: math.NaN(), High: math.NaN()}, open},
		{seconds, bench.Ratio{N: 1, Mean: 2, Low: math.NaN(), High: math.NaN()}, worse},
		{size, bench.Ratio{N: 1, Mean: 1.1, Low: math.NaN(), High: math.NaN()}, worse},
	} {
		if got := judge(c.m, c.r); got != c.want {
			t.Errorf("%+v of %s: %d, want %d", c.r, c.m.Unit, got, c.want)
		}
	}
}

func TestThePageNeedsNothingElse(t *testing.T) {
	res := made()
	res.Contenders[1].Name = "<script>alert(1)</script>"
	for i := range res.Rows {
		if res.Rows[i].Contender == "fast" {
			res.Rows[i].Contender = res.Contenders[1].Name
		}
	}
	var b strings.Builder
	if err := New(res, "subject").HTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, no := range []string{"<script", "<link", " src=", "url(", "@import", "https://"} {
		if strings.Contains(page, no) {
			t.Errorf("the page has %s", no)
		}
	}
	if n := strings.Count(page, "http://"); n == 0 || n != strings.Count(page, `xmlns="http://www.w3.org/2000/svg"`)+strings.Count(page, `xmlns:xlink="http://www.w3.org/1999/xlink"`) {
		t.Error("the page refers to another")
	}
	for _, want := range []string{"apps", "A CPU", "2 January 2026", "less is better", "Where subject loses", "the proxy said no", "not installed: absent", "not built yet", "subject store &lt;it&gt;", "1.0 MB"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestAPartOfARunSaysSo(t *testing.T) {
	res := made()
	res.Complete, res.Stopped = false, "no space left for the benchmark"
	res.Noise.Warnings = []string{"it was busy"}
	wrong := false
	res.Rows[0].Same = &wrong
	var page strings.Builder
	if err := New(res, "subject").HTML(&page); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"page": page.String(), "markdown": New(res, "subject").Markdown()} {
		for _, want := range []string{"no space left for the benchmark", "it was busy", "1 results were not the bytes that went in"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q", name, want)
			}
		}
	}
}

func TestNothingMeasuredIsNoReasonToFail(t *testing.T) {
	r := New(&bench.Results{Schema: bench.Schema}, "subject")
	var page strings.Builder
	if err := r.HTML(&page); err != nil {
		t.Fatal(err)
	}
	if text := r.Markdown(); !strings.Contains(text, "Nothing was compared") {
		t.Error(text)
	}
}

func TestTheSameResultsMakeTheSameReport(t *testing.T) {
	var a, b strings.Builder
	if err := New(made(), "subject").HTML(&a); err != nil {
		t.Fatal(err)
	}
	if err := New(made(), "subject").HTML(&b); err != nil {
		t.Fatal(err)
	}
	first, second := New(made(), "subject").Markdown(), New(made(), "subject").Markdown()
	if a.String() != b.String() || first != second {
		t.Error("two reports differ")
	}
}

func TestNumbersAsPeopleReadThem(t *testing.T) {
	for _, c := range []struct {
		unit bench.Unit
		v    float64
		want string
	}{
		{bench.Seconds, 0.0000123, "12.3 µs"}, {bench.Seconds, 0.0123, "12.3 ms"}, {bench.Seconds, 1.234, "1.23 s"}, {bench.Seconds, 12.34, "12.3 s"}, {bench.Seconds, 123.4, "123 s"},
		{bench.Bytes, 1234, "1 kB"}, {bench.Bytes, 1.234e6, "1.2 MB"}, {bench.Bytes, 123.4e6, "123 MB"}, {bench.Bytes, 1.234e9, "1.23 GB"},
		{bench.Times, 1.234, "1.23"}, {bench.Times, math.NaN(), "–"},
	} {
		if got := value(c.unit, c.v); got != c.want {
			t.Errorf("%v %s: %q, want %q", c.v, c.unit, got, c.want)
		}
	}
}
