package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestPeakIsReadFromTheKernelsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "status")
	check(t, os.WriteFile(path, []byte("Name:\tx\nVmPeak:\t  999 kB\nVmHWM:\t   12 kB\nVmRSS:\t 9 kB\n"), 0o644))
	if got := peakOf(path); got != 12<<10 {
		t.Errorf("%d", got)
	}
	if got := peakOf(path + "-not"); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
}

// A command's memory is its own: this process is larger than what it starts.
func TestPeakIsNotThatOfTheHarness(t *testing.T) {
	ballast := make([]byte, 64<<20)
	for i := range ballast {
		ballast[i] = 1
	}
	u, err := measure(context.Background(), "exec true", t.TempDir(), os.Environ())
	check(t, err)
	if u.peak > 32<<20 {
		t.Errorf("true takes %d bytes, this process %d", u.peak, peakOf(selfStatus))
	}
	// A command that is larger than this process is seen as that.
	line := fmt.Sprintf("exec dd if=/dev/zero of=/dev/null bs=%dM count=1 2>/dev/null", len(ballast)>>20*4)
	if u, err = measure(context.Background(), line, t.TempDir(), os.Environ()); err != nil || u.peak < int64(len(ballast))*3 {
		t.Errorf("dd takes %d bytes, %v", u.peak, err)
	}
	if u.cpu <= 0 || ballast[0] != 1 {
		t.Error("dd takes no time")
	}
}

func TestWhatACommandSaysLastIsItsError(t *testing.T) {
	_, err := measure(context.Background(), "echo first >&2; echo last >&2; exit 4", t.TempDir(), os.Environ())
	if err == nil || err.Error() != "exit status 4: last" {
		t.Errorf("%v", err)
	}
}
