package bench

import "testing"

// made are results in which two contenders take given times.
func made(subject, other []float64, stored int64) *Results {
	r := &Results{Schema: Schema, Corpora: []CorpusInfo{{Name: "c"}}, Contenders: []ContenderInfo{{Name: "s"}, {Name: "o"}}}
	for i := range subject {
		r.Rows = append(r.Rows,
			Row{Corpus: "c", Contender: "s", Workload: IngestFirst, Rep: i + 1, Status: OK, Seconds: subject[i], StoredBytes: stored},
			Row{Corpus: "c", Contender: "o", Workload: IngestFirst, Rep: i + 1, Status: OK, Seconds: other[i]})
	}
	return r
}

func TestOnlyWhatIsBeyondNoiseIsAChange(t *testing.T) {
	steady := []float64{5, 5.01, 5.02}
	for name, c := range map[string]struct {
		older, newer *Results
		worse        []string
	}{
		"the same":               {made([]float64{1, 1.01, 1.02}, steady, 100), made([]float64{1.02, 1, 1.01}, steady, 100), nil},
		"slower":                 {made([]float64{1, 1.01, 1.02}, steady, 100), made([]float64{1.3, 1.31, 1.32}, steady, 100), []string{IngestFirst}},
		"faster":                 {made([]float64{1.3, 1.31, 1.32}, steady, 100), made([]float64{1, 1.01, 1.02}, steady, 100), nil},
		"within the spread":      {made([]float64{1, 1.2, 1.4}, steady, 100), made([]float64{1.3, 1.4, 1.6}, steady, 100), nil},
		"not apart":              {made([]float64{1, 1, 1.4}, steady, 100), made([]float64{1.3, 1.45, 1.6}, steady, 100), nil},
		"apart, but less than 5": {made([]float64{1, 1.001, 1.002}, steady, 100), made([]float64{1.03, 1.031, 1.032}, steady, 100), nil},
		"all got slower":         {made([]float64{1, 1.01, 1.02}, steady, 100), made([]float64{1.5, 1.51, 1.52}, []float64{7.5, 7.6, 7.7}, 100), nil},
		"larger":                 {made([]float64{1, 1, 1}, steady, 1000), made([]float64{1, 1, 1}, steady, 1010), []string{"stored-first"}},
		"hardly larger":          {made([]float64{1, 1, 1}, steady, 1000), made([]float64{1, 1, 1}, steady, 1001), nil},
	} {
		var got []string
		for _, ch := range Compare(c.older, c.newer, "s").Regressions("s") {
			got = append(got, ch.Metric.Name)
		}
		if len(got) != len(c.worse) || len(got) > 0 && got[0] != c.worse[0] {
			t.Errorf("%s: worse in %v, want %v", name, got, c.worse)
		}
	}
}

func TestAComparisonSaysWhatMakesItDoubtful(t *testing.T) {
	a, b := made([]float64{1}, []float64{1}, 1), made([]float64{1}, []float64{1}, 1)
	b.Host.CPU = "another"
	b.Noise.Warnings = []string{"it was busy"}
	if c := Compare(a, b, "s"); len(c.Notes) != 2 {
		t.Errorf("notes: %v", c.Notes)
	}
}
