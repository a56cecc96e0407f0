package bench

import (
	"maps"
	"slices"
)

// Unit is what a metric counts.
type Unit string

// The units of metrics.
const (
	Seconds Unit = "seconds"
	Bytes   Unit = "bytes"
	Times   Unit = "times" // a ratio
)

// Metric is a number that a corpus, a contender and a repetition have in common.
// Less is better, always.
type Metric struct {
	Name  string
	Title string
	About string
	Unit  Unit
	Mount bool
	of    value
}

// value makes a number of the rows of one corpus, contender and repetition, by
// way of those of some workloads.
type value struct {
	workloads []string
	of        func(rows []Row) (float64, bool)
}

// From reports whether a metric is made of a workload's rows.
func (m Metric) From(workload string) bool { return slices.Contains(m.of.workloads, workload) }

// Metrics are all metrics: the time of each workload, and what was used up.
func Metrics() []Metric {
	metrics := []Metric{
		{"stored-first", "Stored, one release", "Size of all files of the store after the first release. What a tool could make anew, its index, is counted apart.", Bytes, false, lastOf(stored, IngestFirst)},
		{"stored-all", "Stored, all releases", "Size of all files of the store after all releases. Index and caches, which the tool could make anew, are beside it.", Bytes, false, lastOf(stored, IngestNext)},
		{"index-all", "Index and caches beside it", "What the tool keeps besides and could make anew, after all releases.", Bytes, false, lastOf(indexed, IngestNext, IngestFirst)},
		{"left-over", "Left after reclaim, beside a new store", "Size of the store after all releases but the newest were deleted, over the size of a new store of the newest.", Times, false, lastOf(leftOver, Reclaim)},
		{"memory-ingest", "Memory, ingest", "Resident memory of the largest process at its highest, over all releases.", Bytes, false, peakOver(IngestFirst, IngestNext)},
		{"memory-restore", "Memory, restore", "Resident memory of the largest process at its highest, when the newest release is restored to disk.", Bytes, false, peakOver(RestoreDisk)},
		{"memory-mount", "Memory, mount", "Resident memory of the process that serves the mount, at its highest.", Bytes, true, peakOver(mountWorkloads()...)},
		{"cpu-ingest", "CPU time, all ingests", "User and system time of all ingests together.", Seconds, false, sumOf(cpu, IngestFirst, IngestNext)},
		{"written-ingest", "Written, all ingests", "Bytes that the ingests sent towards the disk.", Bytes, false, sumOf(written, IngestFirst, IngestNext)},
	}
	var times []Metric
	for _, w := range Workloads() {
		of := sumOf(wall, w.Name)
		if w.Reads {
			of = sumOf(perRead, w.Name)
		}
		times = append(times, Metric{w.Name, w.Title, w.About, Seconds, w.Mount, of})
	}
	return append(times, metrics...)
}

// MetricOf finds a metric by its name.
func MetricOf(name string) (Metric, bool) {
	all := Metrics()
	i := slices.IndexFunc(all, func(m Metric) bool { return m.Name == name })
	if i < 0 {
		return Metric{}, false
	}
	return all[i], true
}

func wall(r Row) float64    { return r.Seconds }
func cpu(r Row) float64     { return r.CPUSeconds }
func peak(r Row) float64    { return float64(r.PeakBytes) } // 0: it was over before it was looked at
func written(r Row) float64 { return float64(r.WrittenBytes) }
func stored(r Row) float64  { return float64(r.StoredBytes) }
func indexed(r Row) float64 { return float64(r.IndexBytes) }
func perRead(r Row) float64 { return r.Seconds / float64(max(r.Operations, 1)) }
func leftOver(r Row) float64 {
	return float64(r.StoredBytes) / float64(max(r.FreshBytes, 1))
}

func sumOf(of func(Row) float64, workloads ...string) value {
	return fold(func(a, b float64) float64 { return a + b }, of, workloads)
}

// peakOver is the highest memory of some workloads.
func peakOver(workloads ...string) value {
	v := fold(func(a, b float64) float64 { return max(a, b) }, peak, workloads)
	return value{workloads, func(rows []Row) (float64, bool) {
		most, any := v.of(rows)
		return most, any && most > 0
	}}
}

// fold takes all rows of some workloads together. One of them that failed
// leaves no number: a part is not the whole.
func fold(f func(a, b float64) float64, of func(Row) float64, workloads []string) value {
	return value{workloads, func(rows []Row) (sum float64, any bool) {
		for _, r := range rows {
			if !slices.Contains(workloads, r.Workload) || r.Status == Skipped {
				continue
			}
			if r.Status != OK {
				return 0, false
			}
			sum, any = f(sum, of(r)), true
		}
		return sum, any
	}}
}

// lastOf is the value in the last row of the first of some workloads that has
// one.
func lastOf(of func(Row) float64, workloads ...string) value {
	return value{workloads, func(rows []Row) (float64, bool) {
		for _, w := range workloads {
			for _, r := range slices.Backward(rows) {
				if r.Workload == w && r.Status == OK {
					return of(r), true
				}
			}
		}
		return 0, false
	}}
}

// Table has a results file's rows where they are found fast.
type Table struct {
	rows map[tableKey]map[int][]Row // repetition → rows, in their order
}

type tableKey struct{ corpus, contender string }

// NewTable sorts the rows of results. One that failed is kept: it says that
// there is no number.
func NewTable(r *Results) Table {
	t := Table{map[tableKey]map[int][]Row{}}
	for _, row := range r.Rows {
		k := tableKey{row.Corpus, row.Contender}
		if t.rows[k] == nil {
			t.rows[k] = map[int][]Row{}
		}
		t.rows[k][row.Rep] = append(t.rows[k][row.Rep], row)
	}
	return t
}

// Values are a metric's values by repetition; none if the contender has none.
func (t Table) Values(m Metric, corpus, contender string) map[int]float64 {
	values := map[int]float64{}
	for rep, rows := range t.rows[tableKey{corpus, contender}] {
		if v, ok := m.of.of(rows); ok {
			values[rep] = v
		}
	}
	return values
}

// Rows are a contender's rows on a corpus in a repetition.
func (t Table) Rows(corpus, contender string, rep int) []Row {
	return t.rows[tableKey{corpus, contender}][rep]
}

// Summary sums up Values.
func (t Table) Summary(m Metric, corpus, contender string) Summary {
	return Summarize(slices.Collect(maps.Values(t.Values(m, corpus, contender))))
}
