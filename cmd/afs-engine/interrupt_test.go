package main

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/index"
)

// stopLimit is far above the second within which a command is to obey Ctrl-C:
// a busy machine is no defect.
const stopLimit = 15 * time.Second

// A person's Ctrl-C ends every verb soon and leaves nothing to clean up: no
// session, no temporary file in the store, in the destination or elsewhere.
func TestInterruptedVerbsLeaveNothingBehind(t *testing.T) {
	dest := filepath.Join(t.TempDir(), "dest")
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	trials := 1
	if soaking() {
		trials = 40
	}
	cases := killCases(t, dest)
	tree := cases[1].args[1]
	cases = append(cases, killCase{
		name: "verify", setup: [][]string{{"ingest", tree, "go/tree@1"}},
		args: []string{"verify", "--read-data"},
	})
	for _, c := range cases {
		if c.name == "ingest of packs" && !soaking() {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			took := interruptTrials(t, c, dest, trials, func() {
				if left, err := filepath.Glob(filepath.Join(temp, "afs-*")); len(left) > 0 || err != nil {
					t.Errorf("left in the directory for temporary files: %q (%v)", left, err)
				}
			})
			slices.Sort(took)
			t.Logf("from the signal to the end: median %v, longest %v", took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
			if longest := took[len(took)-1]; soaking() && longest > stopLimit {
				t.Errorf("it went on for %v", longest)
			}
		})
	}
}

func interruptTrials(t *testing.T, c killCase, dest string, trials int, check func()) (took []time.Duration) {
	base, store := filepath.Join(t.TempDir(), "base"), filepath.Join(t.TempDir(), "store")
	afs(t, base, 0, "init")
	for _, args := range c.setup {
		afs(t, base, 0, args...)
	}
	restoreCopy(t, store, base)
	start := time.Now()
	afs(t, store, 0, c.args...)
	whole := time.Since(start)
	stopped := 0
	for try := 0; stopped < trials && try < 4*trials+10; try++ {
		restoreCopy(t, store, base)
		if err := os.RemoveAll(dest); err != nil {
			t.Fatal(err)
		}
		end := interrupt(t, syscall.SIGINT, whole, store, c.args...)
		took = append(took, end.took)
		switch end.code {
		case 130:
			stopped++
		case -1: // before main had begun to listen: it has done nothing
			whole += whole / 10
		case 0:
			whole -= whole / 4
		default:
			t.Errorf("exit code %d", end.code)
		}
		expectClean(t, store, dest)
		check()
		again := c.args
		if c.again != nil {
			again = c.again
		}
		afs(t, store, 0, again...)
		afs(t, store, 0, "verify", "--read-data")
		for _, args := range c.after {
			afs(t, store, 0, args...)
		}
		expectNoChunkTwice(t, store)
	}
	if stopped == 0 {
		t.Error("the signal stopped none")
	}
	return took
}

// expectClean looks for what only a process that is still running should have.
func expectClean(t *testing.T, store, dest string) {
	t.Helper()
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
		t.Errorf("%d temporary files are left in the store (%v)", len(left), err)
	}
	expectNoTemporaries(t, dest, "interrupted")
}
