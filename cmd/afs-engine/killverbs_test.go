package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/index"
)

// killCase is a verb that changes something, and what it needs and leaves.
type killCase struct {
	setup [][]string
	args  []string
	again []string // how it is done once more; nil: the same way
	after [][]string
}

func killCases(t *testing.T, tree, dest string) map[string]killCase {
	batch := filepath.Join(t.TempDir(), "batch")
	var lines string
	for i, dir := range []string{"fmt", "sort", "encoding", "fmt", "strings"} {
		lines += fmt.Sprintf("{\"source\":%q,\"ref\":\"go/src%d@1\"}\n", filepath.Join(goroot(t), "src", dir), i)
	}
	if err := os.WriteFile(batch, []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	whole := []string{"diff", "--exit-code", "go/tree@1", tree}
	published := [][]string{{"ingest", tree, "go/tree@1"}}
	return map[string]killCase{
		"publish": {
			setup: [][]string{{"ingest", "--draft", tree, "go/tree@1"}},
			args:  []string{"publish", "go/tree@1"}, after: [][]string{whole},
		},
		"batch": {
			args:  []string{"ingest", "--jobs", "3", "--batch", batch},
			after: [][]string{{"diff", "--exit-code", "go/src4@1", filepath.Join(goroot(t), "src", "strings")}},
		},
		"restore": {
			setup: published, args: []string{"restore", "go/tree@1", dest},
			again: []string{"restore", "--resume", "go/tree@1", dest},
			after: [][]string{{"diff", "--exit-code", "go/tree@1", dest}},
		},
		"index rebuild": {setup: published, args: []string{"index", "rebuild"}, after: [][]string{whole}},
	}
}

// Whenever a process is killed, the store opens, every byte of it is right, and
// the same verb succeeds.
func TestKilledVerbsCanBeRepeated(t *testing.T) {
	tree, trials := filepath.Join(goroot(t), "src", "encoding"), 2
	if soaking() {
		tree, trials = filepath.Join(goroot(t), "src"), 110
	}
	dest := filepath.Join(t.TempDir(), "dest")
	for name, c := range killCases(t, tree, dest) {
		if c.again == nil {
			c.again = c.args
		}
		t.Run(name, func(t *testing.T) {
			var whole time.Duration
			for i := range trials + 1 {
				store := filepath.Join(t.TempDir(), "store")
				afs(t, store, 0, "init")
				for _, args := range c.setup {
					afs(t, store, 0, args...)
				}
				start := time.Now()
				if i == 0 { // how long does it take?
					afs(t, store, 0, c.args...)
					whole = time.Since(start)
				} else {
					interrupt(t, syscall.SIGKILL, whole, store, c.args...)
				}
				afs(t, store, 0, "verify", "--read-data")
				if i > 0 {
					afs(t, store, 0, c.again...)
				}
				for _, args := range c.after {
					afs(t, store, 0, args...)
				}
				expectNoChunkTwice(t, store)
				if err := os.RemoveAll(dest); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// interrupt runs the command and sends it sig some time within the time it
// takes. It returns the exit code, -1 if it was killed.
func interrupt(t *testing.T, sig syscall.Signal, within time.Duration, store string, args ...string) int {
	t.Helper()
	cmd := exec.Command("afs-engine", append([]string{"--store", store, "--quiet"}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Duration(rand.Int64N(int64(within))))
	_ = cmd.Process.Signal(sig) // it may be over
	_ = cmd.Wait()              // the code says it all
	return cmd.ProcessState.ExitCode()
}

// A person's Ctrl-C leaves nothing to clean up: no session, no temporary file.
func TestAnInterruptedIngestLeavesNothingBehind(t *testing.T) {
	tree, trials := filepath.Join(goroot(t), "src", "encoding"), 3
	if soaking() {
		trials = 100
	}
	start := time.Now()
	afs(t, filepath.Join(t.TempDir(), "store"), 0, "ingest", tree, "go/tree@1")
	whole := time.Since(start)
	for range trials {
		store := filepath.Join(t.TempDir(), "store")
		afs(t, store, 0, "init")
		start := time.Now()
		code := interrupt(t, syscall.SIGINT, whole, store, "ingest", tree, "go/tree@1")
		if took := time.Since(start); soaking() && took > whole+5*time.Second {
			t.Errorf("it ended %v after its start", took)
		}
		// Before main has begun to listen, the signal ends it the default way.
		if code != 0 && code != 130 && code != -1 {
			t.Errorf("exit code %d", code)
		}
		db, err := index.Open(filepath.Join(store, indexDir), index.Options{})
		if err != nil {
			t.Fatal(err)
		}
		sessions, err := db.Sessions()
		if err != nil || len(sessions) > 0 {
			t.Errorf("%d sessions are left (%v)", len(sessions), err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(filepath.Join(store, "tmp")); len(left) > 0 {
			t.Errorf("%d temporary files are left (%v)", len(left), err)
		}
		afs(t, store, 0, "verify", "--read-data")
		afs(t, store, 0, "ingest", tree, "go/tree@1")
		expectNoChunkTwice(t, store)
	}
}
