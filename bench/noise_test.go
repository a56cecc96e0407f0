package bench

import (
	"runtime"
	"strings"
	"testing"
)

func TestAQuietMachineGivesNoWarning(t *testing.T) {
	w := &noiseWatch{noise: Noise{LoadBefore: 0.1, CalmSpread: 0.03}, cpu: readCPU(), samples: []float64{1, 1.04, 1.02}}
	w.cpu.all, w.cpu.steal = w.cpu.all-1000, w.cpu.steal-1 // a thousand ticks ago
	if n := w.report(); len(n.Warnings) > 0 && !strings.Contains(n.Warnings[0], "hypervisor") {
		t.Errorf("%+v", n)
	}
}

func TestNoiseIsCalledNoise(t *testing.T) {
	w := &noiseWatch{noise: Noise{LoadBefore: float64(runtime.NumCPU()), CalmSpread: 0.5}, cpu: readCPU(), samples: []float64{1, 2}}
	w.cpu.all, w.cpu.steal = w.cpu.all-1000, w.cpu.steal-500
	n := w.report()
	for i, want := range []string{"busy before", "hypervisor", "right before the run", "during the run"} {
		if len(n.Warnings) != 4 || !strings.Contains(n.Warnings[i], want) {
			t.Fatalf("want %q at %d: %q", want, i, n.Warnings)
		}
	}
	if n.DriftSpread != 1 || n.StealPart < 0.4 {
		t.Errorf("%+v", n)
	}
}

func TestStolenTimeIsPartOfAllTime(t *testing.T) {
	got := parseCPU("cpu  10 20 30 40 50 60 70 80 900 900")
	if got.all != 360 || got.steal != 80 {
		t.Errorf("%+v", got)
	}
	if got := parseCPU(""); got != (cpuTimes{}) {
		t.Errorf("nothing to read: %+v", got)
	}
}
