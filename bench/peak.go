package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// peakEvery is how often the processes of a command are looked at. What it
// takes itself, a few small files read, is well below a percent of a core.
const peakEvery = 20 * time.Millisecond

const selfStatus = "/proc/self/status"

// peakWatch follows the processes of a command and keeps the highest resident
// memory that any of them came to.
type peakWatch struct {
	done  chan struct{}
	group sync.WaitGroup
	peak  int64
}

func watchPeak(pid int) *peakWatch {
	w := &peakWatch{done: make(chan struct{})}
	w.group.Go(func() {
		tick := time.NewTicker(peakEvery)
		defer tick.Stop()
		for {
			w.peak = max(w.peak, treePeak(pid))
			select {
			case <-w.done:
				return
			case <-tick.C:
			}
		}
	})
	return w
}

func (w *peakWatch) stop() int64 {
	close(w.done)
	w.group.Wait()
	return w.peak
}

// treePeak is the highest memory of pid and its descendants, each at its
// highest.
func treePeak(pid int) int64 {
	peak := peakOf(fmt.Sprintf("/proc/%d/status", pid))
	for _, child := range children(pid) {
		peak = max(peak, treePeak(child))
	}
	return peak
}

func children(pid int) []int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil // it has ended
	}
	var pids []int
	for field := range strings.FieldsSeq(string(b)) {
		if n, err := strconv.Atoi(field); err == nil {
			pids = append(pids, n)
		}
	}
	return pids
}

// peakOf is VmHWM of a status file, in bytes; 0 if there is none.
func peakOf(status string) int64 {
	b, err := os.ReadFile(status)
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(b, []byte("VmHWM:"))
	kb, _, _ := bytes.Cut(rest, []byte("kB"))
	n, err := strconv.ParseInt(string(bytes.TrimSpace(kb)), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

// treeCPU is the CPU time that pid and its descendants have taken, in seconds.
func treeCPU(pid int) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(b, []byte(") ")) // the name before it may hold anything
	fields := strings.Fields(string(rest))
	const user, system = 11, 12 // proc(5) counts from the pid: 14 and 15
	if len(fields) <= system {
		return 0
	}
	var ticks float64
	for _, f := range []string{fields[user], fields[system]} {
		n, err := strconv.ParseFloat(f, 64)
		if err == nil {
			ticks += n
		}
	}
	const perSecond = 100 // USER_HZ of every Linux that Go runs on
	seconds := ticks / perSecond
	for _, child := range children(pid) {
		seconds += treeCPU(child)
	}
	return seconds
}

// maxRSS is ru_maxrss in bytes; Linux gives KiB.
func maxRSS(r *syscall.Rusage) int64 { return r.Maxrss << 10 }
