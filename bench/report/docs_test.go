package report_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/bench"
	"github.com/artifortress/afs-engine/bench/contender"
	"github.com/artifortress/afs-engine/bench/corpus"
	"github.com/artifortress/afs-engine/bench/report"
	"github.com/artifortress/afs-engine/bench/tradeoff"
)

var update = flag.Bool("update", false, "rewrite the generated parts of docs/benchmarks.md and README.md")

const (
	resultsFile  = "../../docs/bench/results.json"
	innerFile    = "../../docs/bench/inner.txt" // need not be there
	tradeoffDirs = "../../docs/bench/tradeoff"  // one for each corpus; need not be there
	benchDoc     = "../../docs/benchmarks.md"
	readme       = "../../README.md"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestDocsShowTheResults holds the tables of docs/benchmarks.md and README.md
// to the results file that is kept with them; -update writes them anew.
func TestDocsShowTheResults(t *testing.T) {
	res, err := bench.Load(resultsFile)
	if err != nil {
		t.Fatal(err)
	}
	r := report.New(res, contender.Subject).WithInner(inner(t))
	for path, sections := range map[string]map[string]string{
		benchDoc: {"corpora": corpora(), "workloads": workloads(), "results": r.Markdown(), "tradeoff": tradeoffs(t)},
		readme:   {"benchmark": r.Summary()},
	} {
		old := read(t, path)
		doc := old
		for name, text := range sections {
			if doc, err = replaceSection(doc, name, text); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		}
		if *update {
			if err := os.WriteFile(path, []byte(doc), 0o666); err != nil {
				t.Fatal(err)
			}
		} else if doc != old {
			t.Errorf("%s does not show what %s has: run make benchdocs", path, resultsFile)
		}
	}
}

func replaceSection(doc, name, text string) (string, error) {
	begin, end := "<!-- generated: "+name+" -->\n", "<!-- end: "+name+" -->"
	before, rest, ok := strings.Cut(doc, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return "", fmt.Errorf("there is no section %s", name)
	}
	return before + begin + text + end + after, nil
}

// inner are the inner loops, once they were measured.
func inner(t *testing.T) *report.Inner {
	b, err := os.ReadFile(innerFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	in, err := report.ParseInner(string(b))
	if err != nil {
		t.Fatalf("%s: %v", innerFile, err)
	}
	return in
}

// tradeoffs are the tables and the plots of the trade-off on each corpus that it
// was measured on. The plots are files of their own, which are held to the
// numbers as well.
func tradeoffs(t *testing.T) string {
	files, err := filepath.Glob(filepath.Join(tradeoffDirs, "*", "tradeoff.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		return "It was not measured for this release.\n"
	}
	var b strings.Builder
	for _, file := range files {
		res, err := tradeoff.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		plot, err := res.SVG()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(filepath.Dir(file), "tradeoff.svg")
		if *update {
			if err := os.WriteFile(path, plot, 0o666); err != nil {
				t.Fatal(err)
			}
		} else if read(t, path) != string(plot) {
			t.Errorf("%s does not show what %s has: run make benchdocs", path, file)
		}
		fmt.Fprintf(&b, "### %s\n\n![what is stored against what a cold read costs](bench/tradeoff/%[1]s/tradeoff.svg)\n\n%[2]s\n",
			res.Corpus.Name, res.Markdown())
	}
	return b.String()
}

func corpora() string {
	var b strings.Builder
	for _, s := range append(corpus.All(), corpus.Quick()...) {
		fmt.Fprintf(&b, "| `%s` | %s | %d MB | %d MB |\n", s.Name, s.About, s.DownloadBytes/1e6, s.CacheBytes/1e6)
	}
	return b.String()
}

func workloads() string {
	var b strings.Builder
	for _, w := range bench.Workloads() {
		fmt.Fprintf(&b, "- `%s`: %s\n", w.Name, w.About)
	}
	return b.String()
}

// measured finds what looks like a measurement: a number with a decimal unit of
// size or time. Limits and formats are in binary units, and in words.
var measured = regexp.MustCompile(`\d\s?(?:[kMG]B|[mµn]?s)(?:/s)?\b`)

// limits are lines with a number and a unit that is no measurement: a setting,
// a definition, or what a test holds.
var limits = []string{
	"looked at every 20 ms",
	"0 is no limit (default",
	"Sizes in text are decimal",
	"was touched within 2 s before",
	"1.44 MB for each million chunks", // index/bloom's TestMemoryAndFalsePositivesStayWithinBoundsWhileItGrows
}

// TestNumbersAreGenerated finds measurements that somebody has typed: all of
// them stand in sections that a run has made, here or in the demo. The decisions
// are not looked at: each is of its day, and names what its numbers come from.
func TestNumbersAreGenerated(t *testing.T) {
	generated := regexp.MustCompile(`(?s)<!-- (?:generated|demo): .*?<!-- end(?: of|:) \w+ -->`)
	docs, err := filepath.Glob(filepath.Join(filepath.Dir(benchDoc), "*.md"))
	if err != nil || !slices.Contains(docs, benchDoc) {
		t.Fatal(docs, err)
	}
	for _, path := range append(docs, readme) {
		text := generated.ReplaceAllString(read(t, path), "")
		for line := range strings.Lines(text) {
			limit := slices.ContainsFunc(limits, func(l string) bool { return strings.Contains(line, l) })
			if m := measured.FindString(line); m != "" && !limit {
				t.Errorf("%s has a number that no results file has, %s: %s", path, m, strings.TrimSpace(line))
			}
		}
	}
}

func TestMeasurementsAreRecognized(t *testing.T) {
	for text, want := range map[string]bool{
		"takes 12 MB": true, "at 1.5 GB/s": true, "in 3.8 s": true, "79 ms": true, "in 4 µs.": true, "of 4 kB": true,
		"frames of 128 KiB": false, "Go 1.26": false, "under three minutes": false, "1,000 versions": false, "in 95 % of": false, "SHA-256": false,
	} {
		if measured.MatchString(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
