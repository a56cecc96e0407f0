package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/engine"
)

// Peaks of memory that no verb may exceed, in bytes, whatever it is given. The
// filter in front of the index would come on top; of the soak's chunks it takes
// 3 MB.
const (
	peakMaxSoak  = engine.MemoryDefault
	peakMaxSmall = 192 << 20
)

func (m *meter) peakMax() int64 {
	switch {
	case m.memory != 0:
		return m.memory
	case soaking():
		return peakMaxSoak
	}
	return peakMaxSmall
}

// meter runs the command on a store, each verb as a process of its own, and
// holds each to its peak of memory.
//
// The system counts what a process had in memory before it became the command
// (then it shares the test's memory), so a figure is never below the test's
// own: tests that use a meter hold no more than they must.
type meter struct {
	t      *testing.T
	name   string
	store  string
	memory int64 // given as --memory, in bytes; 0: not given
	rows   []string
}

func newMeter(t *testing.T, name string) *meter {
	t.Helper()
	if soaking() && builtWithCgo() {
		t.Fatal("built with cgo, Pebble takes memory that Go's limit does not count: run with CGO_ENABLED=0, as make soak does")
	}
	m := &meter{t: t, name: name, store: filepath.Join(t.TempDir(), "store")}
	t.Cleanup(func() { t.Logf("time and peak of memory\n%s", strings.Join(m.rows, "\n")) })
	return m
}

func builtWithCgo() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "CGO_ENABLED", Value: "1"})
}

// command is the program with the meter's flags and these arguments.
func (m *meter) command(args ...string) *exec.Cmd {
	flags := []string{"--store", m.store}
	if m.memory != 0 {
		flags = append(flags, "--memory", fmt.Sprint(m.memory))
	}
	return exec.Command("afs-engine", append(flags, args...)...)
}

// run runs a verb that must end well; it returns how many lines it printed.
func (m *meter) run(args ...string) (lines int) {
	m.t.Helper()
	return m.runOn(nil, args...)
}

// runOn is run with a stdin.
func (m *meter) runOn(stdin io.Reader, args ...string) (lines int) {
	m.t.Helper()
	var out lineCounter
	m.pipe(stdin, &out, args...)
	return int(out)
}

// pipe is run between a stdin and a stdout.
func (m *meter) pipe(stdin io.Reader, stdout io.Writer, args ...string) {
	m.t.Helper()
	cmd := m.command(append([]string{"--quiet"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, &stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		m.t.Fatalf("afs-engine %v: %v\n%s", args, err, stderr.Bytes())
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		m.t.Fatal("the system does not say what a process took")
	}
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	m.note(strings.Join(args, " "), time.Since(start), cpu, int64(usage.Maxrss)<<10) // Linux counts in KiB
}

// note adds a line to the table, and fails the test if the peak is too high.
func (m *meter) note(what string, took, cpu time.Duration, peak int64) {
	m.t.Helper()
	what = strings.ReplaceAll(what, filepath.Dir(filepath.Dir(m.store)), "…")
	m.rows = append(m.rows, fmt.Sprintf("%-10s %-50.50s %7.1f s %7.1f s cpu %5d MiB", m.name, what, took.Seconds(), cpu.Seconds(), peak>>20))
	if soaking() {
		fmt.Fprintln(os.Stderr, m.rows[len(m.rows)-1]) // hours may pass before the log is shown
	}
	if peak > m.peakMax() {
		m.t.Errorf("%s: %s took %d MiB of memory, want at most %d", m.name, what, peak>>20, m.peakMax()>>20)
	}
}

// lineCounter counts the lines written to it.
type lineCounter int

func (n *lineCounter) Write(b []byte) (int, error) {
	*n += lineCounter(bytes.Count(b, []byte("\n")))
	return len(b), nil
}

// meteredMount is a mount whose process can be asked for its peak.
type meteredMount struct {
	*meter
	dir  string
	cmd  *exec.Cmd
	used time.Duration // of the processor, when last asked
}

// mount mounts the store, or one version of it, until the test ends.
func (m *meter) mount(ref ...string) *meteredMount {
	m.t.Helper()
	mm := &meteredMount{meter: m, dir: m.t.TempDir()}
	mm.cmd = m.command(append([]string{"mount", mm.dir}, ref...)...)
	mm.cmd.Stderr = os.Stderr
	out, err := mm.cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	start := time.Now()
	if err := mm.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(mm.end)
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		m.t.Fatalf("the mount said nothing: %v", err)
	}
	mm.look("ready", time.Since(start))
	return mm
}

// do does something with the mount and notes what that took.
func (mm *meteredMount) do(what string, f func() error) {
	mm.t.Helper()
	start := time.Now()
	if err := f(); err != nil {
		mm.t.Fatalf("%s: %v", what, err)
	}
	mm.look(what, time.Since(start))
}

// look notes what the mount's process has used of the processor since the last
// look, and the most memory that it has had so far.
func (mm *meteredMount) look(what string, took time.Duration) {
	mm.t.Helper()
	const tick = 10 * time.Millisecond // proc(5): whatever the hardware
	stat := mm.proc("stat", ")")
	before := mm.used
	mm.used = time.Duration(mm.number(stat[11])+mm.number(stat[12])) * tick
	mm.note("mount: "+what, took, mm.used-before, mm.number(mm.proc("status", "VmHWM:")[0])<<10)
}

// proc is the fields behind a word in a file that the system keeps about the
// mount's process.
func (mm *meteredMount) proc(file, word string) []string {
	mm.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", mm.cmd.Process.Pid, file))
	if err != nil {
		mm.t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(b), word)
	if !found {
		mm.t.Fatalf("no %q in %q", word, b)
	}
	return strings.Fields(rest)
}

func (mm *meteredMount) number(s string) int64 {
	mm.t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		mm.t.Fatal(err)
	}
	return n
}

// end unmounts. A second time does nothing.
func (mm *meteredMount) end() {
	mm.t.Helper()
	if mm.cmd.ProcessState != nil {
		return
	}
	if err := mm.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		mm.t.Error(err)
	}
	if err := mm.cmd.Wait(); err != nil {
		mm.t.Errorf("the mount's end: %v", err)
	}
}
