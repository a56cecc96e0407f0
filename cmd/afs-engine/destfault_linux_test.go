package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// here runs the command in this process.
func here(store string, args ...string) (code int, stdout, stderr string) {
	var out, complaint bytes.Buffer
	code = run(context.Background(), append([]string{"--store", store, "--quiet"}, args...), stdio{strings.NewReader(""), &out, &complaint})
	return code, out.String(), complaint.String()
}

// destTree is a small tree with one of each.
func destTree(t *testing.T) string {
	t.Helper()
	dir := randomTree(t, 3, 200<<10)
	for name, text := range map[string]string{"sub/empty": "", "sub/deep/text": "text\n"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	hole, err := os.Create(filepath.Join(dir, "sub/hole"))
	if err == nil {
		err = hole.Truncate(1 << 20)
	}
	if err == nil {
		err = hole.Close()
	}
	if err == nil {
		err = os.Symlink("empty", filepath.Join(dir, "sub/link"))
	}
	if err == nil {
		err = os.Link(filepath.Join(dir, "d0/f0"), filepath.Join(dir, "sub/same"))
	}
	if err == nil {
		err = syscall.Setxattr(filepath.Join(dir, "d1/f1"), "user.note", []byte("x"), 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// Whatever a restore does to the destination fails once, in two ways. Each time
// there is one line that says so, no file under its own name that is not
// whole, and --resume brings the rest.
func TestARestoreSurvivesEveryFailureOfTheDestination(t *testing.T) {
	disk := newFaultyDisk(t)
	tree, store := destTree(t), filepath.Join(t.TempDir(), "store")
	afs(t, store, 0, "ingest", "--xattrs=keep", tree, "a/b@1")
	next := func(n int) int { return 4*n + 1 }
	if soaking() {
		next = func(n int) int { return n + 1 }
	}
	for _, op := range faultyOps {
		calls, failed := 0, 0
		for errno, code := range map[syscall.Errno]int{syscall.ENOSPC: 16, syscall.EIO: 15} {
			for n, hit := 0, true; hit; n = next(n) {
				dest := filepath.Join(disk.dir, fmt.Sprintf("%s-%d-%d", op, errno, n))
				what := fmt.Sprintf("%s %d fails with %q", op, n, errno)
				disk.fail(op, n, errno)
				got, _, complaint := here(store, "restore", "a/b@1", dest)
				hit = disk.wasHit()
				disk.fail("", 0, 0)
				if hit {
					calls++
				}
				switch {
				case got == 0 && (!hit || op == "write" || op == "link" || op == "setxattr"): // it can do without; of a short write, the rest is written after all
				case got != code || !hit || strings.Count(complaint, "\n") != 1 || !strings.Contains(complaint, "--resume") || !strings.Contains(complaint, errno.Error()):
					t.Errorf("%s: exit %d, %q", what, got, complaint)
				default:
					failed++
				}
				expectWholeFiles(t, tree, filepath.Join(disk.below, filepath.Base(dest)), what)
				if got, _, complaint := here(store, "restore", "--resume", "a/b@1", dest); got != 0 {
					t.Fatalf("%s: resume: exit %d, %s", what, got, complaint)
				}
				got, differs, complaint := here(store, "diff", "--exit-code", "--xattrs=keep", "a/b@1", dest)
				// What a file system does not take of these is counted, and no failure.
				if got != 0 && (op != "setxattr" || differs != "m d1/f1\n") {
					t.Fatalf("%s: resumed: exit %d, %s%s", what, got, differs, complaint)
				}
				expectNoTemporaries(t, dest, what)
			}
		}
		t.Logf("%s: %d failed, of which %d ended the restore", op, calls, failed)
	}
}

// A full pipe's end is no failure; a full disk behind stdout is, whatever is
// written to it.
func TestOutputToAFullDiskIsAnError(t *testing.T) {
	tree, store := randomTree(t, 3, 200<<10), filepath.Join(t.TempDir(), "store")
	afs(t, store, 0, "ingest", tree, "a/b@1")
	for _, args := range [][]string{
		{"cat", "a/b@1:d0/f0"}, {"restore", "a/b@1", "-"}, {"ls", "a/b@1"}, {"--json", "stats"}, {"diff", "a/b@1", t.TempDir()},
	} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		var complaint bytes.Buffer
		cmd := exec.Command("afs-engine", append([]string{"--store", store, "--quiet"}, args...)...)
		cmd.Stdout, cmd.Stderr = full, &complaint
		_ = cmd.Run() // the code says it all
		if got := cmd.ProcessState.ExitCode(); got != 16 || strings.Count(complaint.String(), "\n") != 1 ||
			!strings.Contains(complaint.String(), "write to stdout: ") || !strings.Contains(complaint.String(), "where the output goes") {
			t.Errorf("%v: exit %d, %q", args, got, complaint.String())
		}
		if err := full.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
