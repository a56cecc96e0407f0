package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
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
	stdout, _ := afsSays(t, store, code, args...)
	return stdout
}

// afsSays is afs for tests of what goes to stderr as well.
func afsSays(t *testing.T, store string, code int, args ...string) (stdout, complaint string) {
	t.Helper()
	got, stdout, complaint := afsEnds(store, args...)
	if got != code {
		t.Fatalf("afs-engine %v: exit %d, want %d\n%s%s", args, got, code, stdout, complaint)
	}
	return stdout, complaint
}

// afsEnds runs the command on a store, however it ends: if by itself it does
// not, it is made to tell where it hangs.
func afsEnds(store string, args ...string) (code int, stdout, complaint string) {
	ctx := context.Background()
	if !soaking() {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
		defer cancel()
	}
	cmd := exec.CommandContext(ctx, "afs-engine", append([]string{"--store", store, "--quiet"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGQUIT) }
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // the code says it all
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// randomTree writes n files of size bytes that neither compress nor dedup.
func randomTree(t *testing.T, n, size int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		b := make([]byte, size)
		if _, err := rand.Read(b); err != nil {
			t.Fatal(err)
		}
		sub := filepath.Join(dir, fmt.Sprintf("d%d", i%3))
		if err := os.MkdirAll(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprintf("f%d", i)), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// restoreCopy makes dir a copy of the tree at from, in place of what is there.
func restoreCopy(t *testing.T, dir, from string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// eachPack shows what every pack of the store in dir says of itself.
func eachPack(t *testing.T, dir string, show func(x *packfile.Index)) {
	t.Helper()
	s, err := localfs.Open(dir, localfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
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
		show(x)
	}
}

// expectNoChunkTwice reads the index block of every pack in the store.
func expectNoChunkTwice(t *testing.T, dir string) {
	t.Helper()
	seen := map[chunker.ID]packfile.ID{}
	eachPack(t, dir, func(x *packfile.Index) {
		for _, e := range x.Entries {
			if other, twice := seen[e.ID]; twice {
				t.Fatalf("%s %s is in pack %s and in pack %s", e.Kind, e.ID, other, x.ID)
			}
			seen[e.ID] = x.ID
		}
	})
}

// expectWholeFiles compares what has been restored so far.
func expectWholeFiles(t *testing.T, tree, dest, what string) {
	t.Helper()
	err := filepath.WalkDir(dest, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".afs-") {
			return err
		}
		rel, err := filepath.Rel(dest, path)
		if err != nil {
			return err
		}
		want, err := os.ReadFile(filepath.Join(tree, rel))
		got, rerr := os.ReadFile(path)
		if err != nil || rerr != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %s is there, but not whole (%v, %v)", what, rel, err, rerr)
		}
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		t.Errorf("%s: %v", what, err)
	}
}

// expectNoTemporaries looks for files under temporary names.
func expectNoTemporaries(t *testing.T, dest, what string) {
	t.Helper()
	err := filepath.WalkDir(dest, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), ".afs-") {
			t.Errorf("%s: %s is left", what, path)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
}
