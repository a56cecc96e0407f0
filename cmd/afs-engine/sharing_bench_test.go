package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// BenchmarkSharing measures what it costs to be a client: each iteration is a
// pair of processes that do the same, one alone with a store, one beside an
// owner that serves it. The ratio is of their times, above 1 where the client is
// faster; the input is the installed Go toolchain.
//
//	go test ./cmd/afs-engine -run xxx -bench Sharing -benchtime 15x
func BenchmarkSharing(b *testing.B) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		b.Fatal(err)
	}
	src := string(out[:len(out)-1])
	full := filepath.Join(b.TempDir(), "full")
	benchRun(b, full, "ingest", src, "go/base@1")
	for name, work := range map[string]func(store string){
		"unique":     func(store string) { benchRun(b, store, "ingest", src, "go/tool@1") },
		"duplicates": func(store string) { benchRun(b, store, "ingest", "--read-all", src, "go/tool@1") },
		"unchanged":  func(store string) { benchRun(b, store, "ingest", src, "go/tool@1") },
	} {
		b.Run(name, func(b *testing.B) {
			var ratios []float64
			for b.Loop() {
				var took [2]time.Duration
				for _, shared := range []bool{len(ratios)%2 == 0, len(ratios)%2 != 0} {
					store := filepath.Join(b.TempDir(), "store")
					if name == "unique" {
						benchRun(b, store, "init")
					} else if err := os.CopyFS(store, os.DirFS(full)); err != nil {
						b.Fatal(err)
					}
					end := func() {}
					if shared {
						end = benchServe(b, store)
					}
					start := time.Now()
					work(store)
					if shared {
						took[1] = time.Since(start)
					} else {
						took[0] = time.Since(start)
					}
					end()
					if err := os.RemoveAll(store); err != nil {
						b.Fatal(err)
					}
				}
				ratios = append(ratios, took[0].Seconds()/took[1].Seconds())
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "alone/client")
			b.ReportMetric(ratios[0], "lowest")
			b.ReportMetric(ratios[len(ratios)-1], "highest")
		})
	}
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
