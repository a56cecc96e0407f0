package bench

import (
	"crypto/sha256"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Noise says how quiet the machine was. Warnings are for people; empty means
// that nothing was noticed.
type Noise struct {
	LoadBefore  float64  `json:"load_before"`  // load average of one minute, before the run
	StealPart   float64  `json:"steal_part"`   // of the CPUs' time, taken by the hypervisor, during the run
	CalmSpread  float64  `json:"calm_spread"`  // slowest over fastest of a fixed piece of work, less 1, before the run
	DriftSpread float64  `json:"drift_spread"` // the same over one sample before each corpus and repetition
	Warnings    []string `json:"warnings,omitempty"`
}

// From where on a machine counts as noisy.
const (
	loadMax   = 0.3 // of a core, each
	stealMax  = 0.02
	spreadMax = 0.10
)

// How the fixed piece of work is cut.
const (
	calibrations     = 9
	calibrationBytes = 16 << 20
)

// noiseWatch collects what Noise is made of.
type noiseWatch struct {
	noise   Noise
	cpu     cpuTimes
	samples []float64
}

func watchNoise() *noiseWatch {
	w := &noiseWatch{cpu: readCPU()}
	w.noise.LoadBefore = load()
	var s []float64
	for range calibrations {
		s = append(s, calibrate())
	}
	w.noise.CalmSpread = spread(s)
	return w
}

func (w *noiseWatch) sample() { w.samples = append(w.samples, calibrate()) }

// report is the noise up to now.
func (w *noiseWatch) report() Noise {
	n := w.noise
	now := readCPU()
	if all := now.all - w.cpu.all; all > 0 {
		n.StealPart = (now.steal - w.cpu.steal) / all
	}
	n.DriftSpread = spread(w.samples)
	if n.LoadBefore > loadMax*float64(runtime.NumCPU()) {
		n.Warnings = append(n.Warnings, fmt.Sprintf("the machine was busy before the run: load %.2f on %d cores", n.LoadBefore, runtime.NumCPU()))
	}
	if n.StealPart > stealMax {
		n.Warnings = append(n.Warnings, fmt.Sprintf("%.1f %% of the CPUs' time was taken by the hypervisor", 100*n.StealPart))
	}
	if n.CalmSpread > spreadMax {
		n.Warnings = append(n.Warnings, fmt.Sprintf("a fixed piece of work took up to %.0f %% longer than at best, right before the run", 100*n.CalmSpread))
	}
	if n.DriftSpread > spreadMax {
		n.Warnings = append(n.Warnings, fmt.Sprintf("a fixed piece of work took up to %.0f %% longer than at best, during the run", 100*n.DriftSpread))
	}
	return n
}

// calibrate does a fixed piece of work on one core and says how long it took.
func calibrate() float64 {
	var block [64 << 10]byte
	start := time.Now()
	for range calibrationBytes / len(block) {
		sum := sha256.Sum256(block[:])
		copy(block[:], sum[:])
	}
	return time.Since(start).Seconds()
}

func spread(s []float64) float64 {
	if len(s) < 2 {
		return 0
	}
	sum := Summarize(s)
	return sum.Max/sum.Min - 1
}

// cpuTimes are the counters of all CPUs together, in ticks.
type cpuTimes struct{ all, steal float64 }

func readCPU() cpuTimes {
	return parseCPU(firstLine("/proc/stat"))
}

// parseCPU reads the first line of proc_stat(5).
func parseCPU(line string) cpuTimes {
	var t cpuTimes
	const steal = 8
	for i, f := range strings.Fields(line) {
		n, err := strconv.ParseFloat(f, 64)
		if err != nil || i > steal {
			continue // the name, and guests' time, which is counted already
		}
		t.all += n
		if i == steal {
			t.steal = n
		}
	}
	return t
}
