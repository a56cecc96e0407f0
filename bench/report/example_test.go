package report_test

import (
	"fmt"
	"strings"

	"github.com/artifortress/afs-engine/bench"
	"github.com/artifortress/afs-engine/bench/report"
)

func Example() {
	res := &bench.Results{
		Schema:     bench.Schema,
		Corpora:    []bench.CorpusInfo{{Name: "apps"}},
		Contenders: []bench.ContenderInfo{{Name: "ours"}, {Name: "theirs"}},
		Rows: []bench.Row{
			{Corpus: "apps", Workload: bench.IngestFirst, Contender: "ours", Rep: 1, Status: bench.OK, Seconds: 3},
			{Corpus: "apps", Workload: bench.IngestFirst, Contender: "theirs", Rep: 1, Status: bench.OK, Seconds: 1.5},
		},
	}
	text := report.New(res, "ours").LossesMarkdown()
	fmt.Println(text[strings.Index(text, "- "):])
	// Output: - apps, first ingest: 3.00 s; theirs 1.50 s (× 2.0)
}
