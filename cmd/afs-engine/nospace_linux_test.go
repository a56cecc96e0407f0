package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// smallDisk is a file system of size bytes, which grow changes.
type smallDisk struct {
	t   *testing.T
	dir string
}

// newSmallDisk skips the test where nothing can be mounted, unless
// AFS_TEST_REQUIRE lists root.
func newSmallDisk(t *testing.T, size int) smallDisk {
	t.Helper()
	d := smallDisk{t, t.TempDir()}
	err := syscall.Mount("tmpfs", d.dir, "tmpfs", 0, fmt.Sprintf("size=%d", size))
	if err != nil {
		if slices.Contains(strings.Split(os.Getenv("AFS_TEST_REQUIRE"), ","), "root") {
			t.Fatalf("root is required here: mount a tmpfs: %v", err)
		}
		t.Skipf("mounting a tmpfs needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(d.dir, 0); err != nil {
			t.Error(err)
		}
	})
	return d
}

func (d smallDisk) grow(size int) {
	d.t.Helper()
	if err := syscall.Mount("tmpfs", d.dir, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%d", size)); err != nil {
		d.t.Fatal(err)
	}
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

func TestARestoreOntoAFullDiskGoesOnWhenThereIsRoom(t *testing.T) {
	disk := newSmallDisk(t, 3<<20)
	tree, store, dest := randomTree(t, 24, 256<<10), filepath.Join(t.TempDir(), "store"), filepath.Join(disk.dir, "dest")
	afs(t, store, 0, "ingest", tree, "a/b@1")

	afs(t, store, 16, "restore", "a/b@1", dest)
	whole := 0
	err := filepath.WalkDir(dest, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dest, p)
		if err != nil {
			return err
		}
		want, err := os.ReadFile(filepath.Join(tree, rel))
		if os.IsNotExist(err) {
			return nil // a temporary name
		}
		got, rerr := os.ReadFile(p)
		if err != nil || rerr != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is there, but not whole (%v, %v)", rel, err, rerr)
		}
		whole++
		return nil
	})
	if err != nil || whole == 0 || whole == 24 {
		t.Fatalf("%d of 24 files were restored (%v)", whole, err)
	}

	disk.grow(32 << 20)
	afs(t, store, 0, "restore", "--resume", "a/b@1", dest)
	afs(t, store, 0, "diff", "--exit-code", "a/b@1", dest)
}

func TestAStoreOnAFullDiskGoesOnWhenThereIsRoom(t *testing.T) {
	tree := randomTree(t, 40, 1<<20)
	for _, size := range []int{1 << 20, 9 << 20, 36 << 20, 42 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			disk := newSmallDisk(t, size)
			store := filepath.Join(disk.dir, "store")
			afs(t, store, 16, "ingest", tree, "a/b@1")
			disk.grow(200 << 20)
			afs(t, store, 0, "ingest", tree, "a/b@1")
			expectNoChunkTwice(t, store)
			afs(t, store, 0, "verify", "--read-data")
			afs(t, store, 0, "diff", "--exit-code", "a/b@1", tree)
		})
	}
}

// A store on a read-only file system is refused in one line that says why.
func TestAReadOnlyStoreIsDenied(t *testing.T) {
	disk := newSmallDisk(t, 64<<20)
	store := filepath.Join(disk.dir, "store")
	afs(t, store, 0, "ingest", randomTree(t, 3, 1000), "a/b@1")
	remount := func(flags uintptr) {
		t.Helper()
		if err := syscall.Mount("tmpfs", disk.dir, "tmpfs", syscall.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(syscall.MS_RDONLY)
	for _, args := range [][]string{{"ls"}, {"verify"}, {"ingest", t.TempDir(), "a/b@2"}} {
		afs(t, store, 12, args...)
	}
	remount(0)
	afs(t, store, 0, "verify", "--read-data")
}
