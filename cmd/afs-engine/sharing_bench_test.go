package main

import (
	"bufio"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkSharing measures what it costs to be a client: each iteration is a
// pair of processes that do the same, one alone with a store, one beside an
// owner that serves it. The ratio is of their times, above 1 where the client is
// faster: its median, and what that lies between with a confidence of 95 % or
// more. The input is the installed Go toolchain.
//
//	go test ./cmd/afs-engine -run xxx -bench Sharing -benchtime 15x
func BenchmarkSharing(b *testing.B) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		b.Fatal(err)
	}
	src := strings.TrimSpace(string(out))
	full := filepath.Join(b.TempDir(), "full")
	benchRun(b, full, "ingest", src, "go/base@1")
	ingest := func(flags ...string) func(*testing.B, string) time.Duration {
		return func(b *testing.B, store string) time.Duration {
			start := time.Now()
			benchRun(b, store, append(append([]string{"ingest"}, flags...), src, "go/tool@1")...)
			return time.Since(start)
		}
	}
	for _, c := range []struct {
		name  string
		fresh bool // with an empty store
		work  func(b *testing.B, store string) time.Duration
	}{
		{"unique", true, ingest()},
		{"duplicates", false, ingest("--read-all")},
		{"unchanged", false, ingest()},
		{"mount-reads", false, benchReads},
		{"mount-opens", false, benchOpens},
	} {
		b.Run(c.name, func(b *testing.B) {
			var ratios []float64
			var took [2][]float64
			for b.Loop() {
				var seconds [2]float64
				first := len(took[0]) % 2
				for _, shared := range []int{first, 1 - first} {
					store := filepath.Join(b.TempDir(), "store")
					if c.fresh {
						benchRun(b, store, "init")
					} else if err := os.CopyFS(store, os.DirFS(full)); err != nil {
						b.Fatal(err)
					}
					end := func() {}
					if shared == 1 {
						end = benchServe(b, store)
					}
					seconds[shared] = c.work(b, store).Seconds()
					end()
					if err := os.RemoveAll(store); err != nil {
						b.Fatal(err)
					}
				}
				for i := range took {
					took[i] = append(took[i], seconds[i])
				}
				ratios = append(ratios, seconds[0]/seconds[1])
			}
			for i := range took {
				slices.Sort(took[i])
			}
			slices.Sort(ratios)
			low, high := medianBetween(ratios)
			b.ReportMetric(median(ratios), "alone/client")
			b.ReportMetric(low, "low95")
			b.ReportMetric(high, "high95")
			b.ReportMetric(1000*median(took[0]), "ms-alone")
			b.ReportMetric(1000*median(took[1]), "ms-client")
		})
	}
}

func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// medianBetween is the narrowest pair of values, as far from both ends, between
// which the median is with a confidence of 95 % whatever the distribution: as
// many of n lie below it as heads come of n coins. Fewer than 6 values say
// nothing with that confidence.
func medianBetween(sorted []float64) (low, high float64) {
	n := len(sorted)
	k, tail, p := 0, 0.0, math.Pow(0.5, float64(n)) // p: of k heads
	for tail+p <= 0.025 {
		tail += p
		k++
		p *= float64(n-k+1) / float64(k)
	}
	if k == 0 {
		return math.NaN(), math.NaN()
	}
	return sorted[k-1], sorted[n-k]
}

func TestTheMedianLiesBetween(t *testing.T) {
	for n, rank := range map[int]int{6: 1, 9: 2, 15: 4, 25: 8} { // from tables of the sign test
		values := make([]float64, n)
		for i := range values {
			values[i] = float64(i + 1)
		}
		if low, high := medianBetween(values); low != float64(rank) || high != float64(n+1-rank) {
			t.Errorf("of %d values: %v to %v", n, low, high)
		}
	}
	if low, _ := medianBetween([]float64{1, 2, 3, 4, 5}); !math.IsNaN(low) {
		t.Errorf("5 values say %v", low)
	}
}

// warmReads is how often a mount's file is read once it is warm.
const warmReads = 100

// benchReads is how long it takes to read a large file of a mount again and
// again, front to back; benchOpens opens it anew each time.
func benchReads(b *testing.B, store string) time.Duration { return benchMount(b, store, false) }
func benchOpens(b *testing.B, store string) time.Duration { return benchMount(b, store, true) }

func benchMount(b *testing.B, store string, anew bool) time.Duration {
	b.Helper()
	dir := b.TempDir()
	cmd := exec.Command("afs-engine", "--store", store, "mount", dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err == nil {
		_, err = bufio.NewReader(out).ReadString('\n')
	}
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}()
	open := func() *os.File {
		f, err := os.Open(filepath.Join(dir, "go", "base@1", "bin", "go"))
		if err != nil {
			b.Fatal(err)
		}
		return f
	}
	f := open()
	defer func() { _ = f.Close() }()
	var took time.Duration
	for i := range 1 + warmReads {
		start := time.Now()
		if anew {
			_ = f.Close()
			f = open()
		} else if _, err := f.Seek(0, io.SeekStart); err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(struct{ io.Writer }{io.Discard}, f); err != nil || n == 0 {
			b.Fatal(n, err)
		}
		if i > 0 { // the first one warms it
			took += time.Since(start)
		}
	}
	return took
}

func benchRun(b *testing.B, store string, args ...string) {
	b.Helper()
	cmd := exec.Command("afs-engine", append([]string{"--store", store, "--quiet"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %v: %s", args, err, out)
	}
}

// benchServe starts an owner, and returns what ends it.
func benchServe(b *testing.B, store string) func() {
	b.Helper()
	cmd := exec.Command("afs-engine", "--store", store, "serve")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err == nil {
		_, err = bufio.NewReader(out).ReadString('\n')
	}
	if err != nil {
		b.Fatal(err)
	}
	return func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
}
