package bench

import "testing"

func TestMetricsAreMadeOfRows(t *testing.T) {
	r := &Results{Schema: Schema, Rows: []Row{
		{Corpus: "c", Contender: "x", Rep: 1, Status: OK, Workload: IngestFirst, Seconds: 3, CPUSeconds: 2, StoredBytes: 10, PeakBytes: 7},
		{Corpus: "c", Contender: "x", Rep: 1, Status: OK, Workload: IngestNext, Seconds: 1, CPUSeconds: 1, StoredBytes: 15, IndexBytes: 2, PeakBytes: 9},
		{Corpus: "c", Contender: "x", Rep: 1, Status: OK, Workload: IngestNext, Seconds: 2, CPUSeconds: 1, StoredBytes: 20, IndexBytes: 3, PeakBytes: 8},
		{Corpus: "c", Contender: "x", Rep: 1, Status: OK, Workload: Rand4KCold, Seconds: 2, Operations: 1000},
		{Corpus: "c", Contender: "x", Rep: 1, Status: OK, Workload: Reclaim, Seconds: 2, StoredBytes: 30, FreshBytes: 20},
		{Corpus: "c", Contender: "x", Rep: 1, Status: Skipped, Workload: IngestAgain},
		{Corpus: "c", Contender: "x", Rep: 2, Status: OK, Workload: IngestFirst, Seconds: 5},
		{Corpus: "c", Contender: "x", Rep: 2, Status: OK, Workload: IngestNext, Seconds: 1},
		{Corpus: "c", Contender: "x", Rep: 2, Status: Failed, Workload: IngestNext},
	}}
	table := NewTable(r)
	for name, want := range map[string]map[int]float64{
		IngestFirst:     {1: 3, 2: 5},
		IngestNext:      {1: 3}, // in the second repetition a part is missing
		Rand4KCold:      {1: 0.002},
		IngestAgain:     {},
		"stored-first":  {1: 10, 2: 0},
		"stored-all":    {1: 20, 2: 0},
		"index-all":     {1: 3, 2: 0},
		"memory-ingest": {1: 9},
		"cpu-ingest":    {1: 4},
		"left-over":     {1: 1.5},
	} {
		m, ok := MetricOf(name)
		if !ok {
			t.Fatalf("no metric %s", name)
		}
		got := table.Values(m, "c", "x")
		if len(got) != len(want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
		for rep, v := range want {
			if got[rep] != v {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
		}
	}
}

func TestEveryWorkloadHasAMetric(t *testing.T) {
	for _, w := range Workloads() {
		m, ok := MetricOf(w.Name)
		if !ok || m.Unit != Seconds || !m.From(w.Name) || m.About == "" || m.Mount != w.Mount {
			t.Errorf("%s: %+v", w.Name, m)
		}
	}
}
