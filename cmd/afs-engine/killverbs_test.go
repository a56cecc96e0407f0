package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// killCase is a verb that changes something, and what it needs and leaves.
type killCase struct {
	name  string
	kills int // at full size
	few   int // otherwise
	setup [][]string
	args  []string
	again []string // how it is done once more; nil: the same way
	tree  string   // what it restores; "": nothing
	after [][]string
}

// killCases cover all that writes, with 500 kills in all at full size. Their inputs are as small as they can be
// while the work still takes most of the time; those of "ingest of packs" fill
// a pack and a part of another, at full size two.
func killCases(t *testing.T, dest string) []killCase {
	src := func(dir string) string { return filepath.Join(goroot(t), "src", dir) }
	batch := filepath.Join(t.TempDir(), "batch")
	var lines string
	for i, dir := range []string{"fmt", "sort", "encoding", "fmt", "strings", "text"} {
		lines += fmt.Sprintf("{\"source\":%q,\"ref\":\"go/src%d@1\"}\n", src(dir), i)
	}
	if err := os.WriteFile(batch, []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	tree, mib := src("encoding"), 36
	if soaking() {
		mib = 72
	}
	packs := randomTree(t, mib, 1<<20)
	whole := []string{"diff", "--exit-code", "go/tree@1", tree}
	published := [][]string{{"ingest", tree, "go/tree@1"}}
	return []killCase{
		{
			name: "ingest of packs", kills: 70, few: 1,
			setup: [][]string{{"ingest", src("fmt"), "go/fmt@1"}},
			args:  []string{"ingest", packs, "go/packs@1"},
			after: [][]string{{"diff", "--exit-code", "go/packs@1", packs}, {"diff", "--exit-code", "go/fmt@1", src("fmt")}},
		},
		{
			name: "ingest", kills: 130, few: 2,
			setup: [][]string{{"ingest", src("fmt"), "go/fmt@1"}},
			args:  []string{"ingest", tree, "go/tree@1"},
			after: [][]string{whole, {"diff", "--exit-code", "go/fmt@1", src("fmt")}},
		},
		{
			name: "publish", kills: 75, few: 1,
			setup: [][]string{{"ingest", "--draft", tree, "go/tree@1"}},
			args:  []string{"publish", "go/tree@1"}, after: [][]string{whole},
		},
		{
			name: "batch", kills: 75, few: 2,
			args:  []string{"ingest", "--jobs", "3", "--batch", batch},
			after: [][]string{{"diff", "--exit-code", "go/src2@1", tree}, {"diff", "--exit-code", "go/src4@1", src("strings")}},
		},
		{
			name: "restore", kills: 75, few: 2, tree: tree,
			setup: published, args: []string{"restore", "go/tree@1", dest},
			again: []string{"restore", "--resume", "go/tree@1", dest},
			after: [][]string{{"diff", "--exit-code", "go/tree@1", dest}},
		},
		{
			name: "index rebuild", kills: 75, few: 2,
			setup: published, args: []string{"index", "rebuild"}, after: [][]string{whole},
		},
	}
}

// Whenever a process is killed, the store opens, every byte of it is right, the
// same verb succeeds, and what a sealed pack holds is not stored a second time.
func TestKilledVerbsCanBeRepeated(t *testing.T) {
	dest := filepath.Join(t.TempDir(), "dest")
	all, began := 0, time.Now()
	for _, c := range killCases(t, dest) {
		if c.again == nil {
			c.again = c.args
		}
		t.Run(c.name, func(t *testing.T) { all += killTrials(t, c, dest) })
	}
	t.Logf("%d processes were killed before their end, in %v", all, time.Since(began).Round(time.Second))
}

// killTrials returns how many of its processes were killed before their end.
func killTrials(t *testing.T, c killCase, dest string) (killed int) {
	base := filepath.Join(t.TempDir(), "base")
	afs(t, base, 0, "init")
	for _, args := range c.setup {
		afs(t, base, 0, args...)
	}
	store := filepath.Join(t.TempDir(), "store")
	restoreCopy(t, store, base)
	start := time.Now()
	afs(t, store, 0, c.args...)
	whole := time.Since(start)

	want := c.few
	if soaking() {
		want = c.kills
	}
	trials, sealed, before := 0, 0, countPacks(t, base)
	for ; killed < want && trials < 4*want; trials++ {
		restoreCopy(t, store, base)
		if err := os.RemoveAll(dest); err != nil {
			t.Fatal(err)
		}
		// The moments reach a little beyond the end, however fast the machine
		// is just now.
		if end := interrupt(t, syscall.SIGKILL, whole, store, c.args...); end.code == -1 {
			killed++
			whole += whole / 10
		} else {
			whole -= whole / 4
		}
		if countPacks(t, store) > before {
			sealed++
		}
		afs(t, store, 0, "verify", "--read-data")
		if c.tree != "" {
			expectWholeFiles(t, c.tree, dest, "killed")
		}
		expectToldToResume(t, store, dest, c.args)
		afs(t, store, 0, c.again...)
		for _, args := range c.after {
			afs(t, store, 0, args...)
		}
		expectNoChunkTwice(t, store)
	}
	t.Logf("%d of %d were killed before their end, of all %d with new packs in the store (one takes %v)", killed, trials, sealed, whole.Round(time.Millisecond))
	if killed < want {
		t.Errorf("that is fewer than %d", want)
	}
	return killed
}

func countPacks(t *testing.T, store string) int {
	t.Helper()
	packs, err := filepath.Glob(filepath.Join(store, "packs", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(packs)
}

// expectToldToResume does a restore again as somebody would who does not know
// what to do.
func expectToldToResume(t *testing.T, store, dest string, args []string) {
	t.Helper()
	left, err := os.ReadDir(dest)
	if err != nil || len(left) == 0 {
		return // nothing is in the way
	}
	if _, complaint := afsSays(t, store, 14, args...); !strings.Contains(complaint, "--resume") {
		t.Errorf("%v complains %q, and does not say what to do", args, complaint)
	}
}

// ending is how a process came to its end.
type ending struct {
	code int           // -1: by the signal
	took time.Duration // from the signal on
}

// interrupt runs the command and sends it sig some time within the time it
// takes.
func interrupt(t *testing.T, sig syscall.Signal, within time.Duration, store string, args ...string) ending {
	t.Helper()
	cmd := exec.Command("afs-engine", append([]string{"--store", store, "--quiet"}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Duration(rand.Int64N(int64(within))))
	sent := time.Now()
	_ = cmd.Process.Signal(sig) // it may be over
	_ = cmd.Wait()              // the code says it all
	return ending{cmd.ProcessState.ExitCode(), time.Since(sent)}
}
