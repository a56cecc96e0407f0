package report

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/artifortress/afs-engine/bench"
)

// Inner are results of go test -bench: the inner loops, each measured several
// times.
type Inner struct {
	cpu   string               // on which they ran
	names []string             // in their order, without Benchmark and the number of cores
	units map[string][]metered // by name: one for each time
}

// metered are the values of one line by their units.
type metered map[string]float64

// ErrInner means that a text has no results of go test -bench.
var ErrInner = errors.New("no results of go test -bench")

var coresSuffix = regexp.MustCompile(`-\d+$`)

// ParseInner reads the Go benchmark data format
// (https://go.dev/design/14313-benchmark-format).
func ParseInner(text string) (*Inner, error) {
	in := &Inner{units: map[string][]metered{}}
	for line := range strings.Lines(text) {
		if cpu, ok := strings.CutPrefix(line, "cpu: "); ok {
			in.cpu = strings.TrimSpace(cpu)
		}
		f := strings.Fields(line)
		if len(f) < 4 || len(f)%2 != 0 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		values := metered{}
		for i := 2; i < len(f); i += 2 {
			v, err := strconv.ParseFloat(f[i], 64)
			if err != nil {
				return nil, fmt.Errorf("%w: %q", ErrInner, strings.TrimSpace(line))
			}
			values[f[i+1]] = v
		}
		name := coresSuffix.ReplaceAllString(strings.TrimPrefix(f[0], "Benchmark"), "")
		if in.units[name] == nil {
			in.names = append(in.names, name)
		}
		in.units[name] = append(in.units[name], values)
	}
	if len(in.names) == 0 {
		return nil, ErrInner
	}
	return in, nil
}

// values are those of a unit, by the turn in which they were measured.
func (in *Inner) values(name, unit string) map[int]float64 {
	values := map[int]float64{}
	if in == nil {
		return values
	}
	for turn, m := range in.units[name] {
		if v, ok := m[unit]; ok {
			values[turn] = v
		}
	}
	return values
}

func (in *Inner) median(name, unit string) (float64, bool) {
	s := bench.Summarize(slices.Collect(maps.Values(in.values(name, unit))))
	return s.Median, s.N > 0
}

// markdown is a table of all of them.
func (in *Inner) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "What `bench/inner.sh` printed, median of %d, on %s. Cutting goes through 64 MiB, hashing through one chunk.\n\n", len(in.units[in.names[0]]), orElse(in.cpu, "a CPU that was not named"))
	b.WriteString("| inner loop | one takes | that is | memory given out | and |\n|---|---:|---:|---:|---|\n")
	for _, name := range in.names {
		row := func(unit, format string, by float64) string {
			v, ok := in.median(name, unit)
			if !ok {
				return ""
			}
			return fmt.Sprintf(format, v*by)
		}
		ns, _ := in.median(name, "ns/op")
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", name, duration(ns/1e9), row("MB/s", "%.3g GB/s", 1e-3), row("B/op", "%.0f B", 1), in.own(name))
	}
	return b.String()
}

// own are the medians of the units that a benchmark has for itself.
func (in *Inner) own(name string) string {
	var says []string
	for _, unit := range slices.Sorted(maps.Keys(in.units[name][0])) {
		switch unit {
		case "ns/op", "MB/s", "B/op", "allocs/op":
			continue
		}
		v, _ := in.median(name, unit)
		format := "%.3g %s"
		if v >= 100 {
			format = "%.0f %s"
		}
		says = append(says, fmt.Sprintf(format, v, unit))
	}
	return strings.Join(says, ", ")
}
