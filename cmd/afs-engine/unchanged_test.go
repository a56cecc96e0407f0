package main

import (
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A process that is killed may leave files known whose chunks it has not
// stored. The next ingest reads them, whatever is known, and the one after it
// reads none.
func TestAKilledIngestLeavesNothingKnownThatIsNotStored(t *testing.T) {
	tree, trials := filepath.Join(goroot(t), "src", "net"), 3
	switch {
	case soaking():
		tree, trials = goroot(t), 50
	case testing.Short():
		trials = 1
	}
	start := time.Now()
	afs(t, filepath.Join(t.TempDir(), "store"), 0, "ingest", tree, "go/tree@1")
	whole := time.Since(start)

	var before int64
	for range trials {
		store := filepath.Join(t.TempDir(), "store")
		afs(t, store, 0, "init")
		cmd := exec.Command("afs-engine", "--store", store, "--quiet", "ingest", tree, "go/tree@0")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(whole))))
		cmd.Process.Kill()
		_ = cmd.Wait() // it may have been as quick

		first, second := ingested(t, store, tree, "go/tree@1"), ingested(t, store, tree, "go/tree@2")
		before += first.KnownFiles
		if second.KnownFiles != second.Files {
			t.Errorf("%d of %d files were read again", second.Files-second.KnownFiles, second.Files)
		}
		afs(t, store, 0, "verify", "--read-data")
		for _, ref := range []string{"go/tree@1", "go/tree@2"} {
			afs(t, store, 0, "diff", "--exit-code", ref, tree)
		}
	}
	t.Logf("killed ingests left %d files known and stored", before)
}

// ingested is the result of an ingest.
func ingested(t *testing.T, store, tree, ref string) (res struct {
	Files      int64 `json:"files"`
	KnownFiles int64 `json:"known_files"`
}) {
	t.Helper()
	if err := json.Unmarshal([]byte(afs(t, store, 0, "ingest", "--json", tree, ref)), &res); err != nil {
		t.Fatal(err)
	}
	return res
}
