package main

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/backends/localfs"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile"
)

// soaking reports whether the tests run at full size.
func soaking() bool { return os.Getenv("AFS_TEST_SOAK") != "" }

// goroot is the installed Go toolchain: a real tree that every machine with
// these tests has.
func goroot(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(shell(t, "go", "env", "GOROOT"))
}

// afs runs the command on a store and fails the test unless it ends with code.
func afs(t *testing.T, store string, code int, args ...string) string {
	t.Helper()
	cmd := exec.Command("afs-engine", append([]string{"--store", store, "--quiet"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("afs-engine %v: exit %d, want %d (%v)\n%s%s", args, got, code, err, out, stderr.Bytes())
	}
	return string(out)
}

// A process that is killed at any moment loses nothing that was published, and
// nothing that a sealed pack holds is stored a second time.
func TestKilledIngestsLoseNothing(t *testing.T) {
	tree, trials := filepath.Join(goroot(t), "pkg", "tool"), 6
	switch {
	case soaking():
		tree, trials = goroot(t), 50
	case testing.Short():
		tree, trials = filepath.Join(goroot(t), "src", "net"), 2
	}
	start := time.Now()
	afs(t, filepath.Join(t.TempDir(), "store"), 0, "ingest", tree, "go/tree@1")
	whole := time.Since(start)

	killed := 0
	for range trials {
		store := filepath.Join(t.TempDir(), "store")
		afs(t, store, 0, "ingest", filepath.Join(goroot(t), "src", "fmt"), "go/fmt@1")
		cmd := exec.Command("afs-engine", "--store", store, "--quiet", "ingest", tree, "go/tree@1")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(whole))))
		cmd.Process.Kill()
		if cmd.Wait() != nil {
			killed++
		}
		afs(t, store, 0, "verify", "--read-data")
		afs(t, store, 0, "ingest", tree, "go/tree@1")
		expectNoChunkTwice(t, store)
		afs(t, store, 0, "diff", "--exit-code", "go/tree@1", tree)
		if err := os.RemoveAll(store); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of %d ingests were killed before their end (one takes %v)", killed, trials, whole.Round(time.Millisecond))
}

// expectNoChunkTwice reads the index block of every pack in the store.
func expectNoChunkTwice(t *testing.T, dir string) {
	t.Helper()
	s, err := localfs.Open(dir, localfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	seen := map[chunker.ID]packfile.ID{}
	for info, err := range s.List(ctx, packfile.Prefix) {
		if err != nil {
			t.Fatal(err)
		}
		id, err := packfile.ParseKey(info.Key)
		if err != nil {
			t.Fatal(err)
		}
		x, err := packfile.ReadIndex(ctx, s, id, info.Size)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range x.Entries {
			if other, twice := seen[e.ID]; twice {
				t.Fatalf("%s %s is in pack %s and in pack %s", e.Kind, e.ID, other, x.ID)
			}
			seen[e.ID] = x.ID
		}
	}
}
