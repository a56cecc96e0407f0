package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
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

// fill leaves room bytes of the disk, in whole pages.
func (d smallDisk) fill(room int) {
	d.t.Helper()
	var st syscall.Statfs_t
	err := syscall.Statfs(d.dir, &st)
	if err != nil {
		d.t.Fatal(err)
	}
	d.grow(int(st.Blocks-st.Bfree)*int(st.Bsize) + room)
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

// The index may be on a disk of its own, here by a link, and that one full:
// already when it is opened, or at some moment after.
func TestAnIndexOnAFullDiskGoesOnWhenThereIsRoom(t *testing.T) {
	tree := randomTree(t, 30, 1<<20)
	for _, room := range []int{0, 16 << 10, 32 << 10, 64 << 10, 1 << 20, 12 << 20} {
		disk, store := newSmallDisk(t, 64<<20), filepath.Join(t.TempDir(), "store")
		afs(t, store, 0, "ingest", randomTree(t, 1, 10), "a/a@1")
		index := filepath.Join(store, indexDir)
		err := os.CopyFS(disk.dir, os.DirFS(index))
		if err = errors.Join(err, os.RemoveAll(index), os.Symlink(disk.dir, index)); err != nil {
			t.Fatal(err)
		}
		disk.fill(room)
		code, _, complaint := afsEnds(store, "ingest", tree, "a/b@1")
		disk.grow(200 << 20)
		switch {
		case code == 16 && strings.Count(complaint, "\n") == 1 && strings.Contains(complaint, "index"):
		case code == 0 && room > 0:
			afs(t, store, 0, "info", "a/b@1")
		default:
			t.Errorf("%d bytes left: exit %d, %q", room, code, complaint)
		}
		afs(t, store, 0, "ingest", tree, "a/b@1")
		expectNoChunkTwice(t, store)
		afs(t, store, 0, "verify", "--read-data")
		afs(t, store, 0, "diff", "--exit-code", "a/b@1", tree)
	}
}

// A tar stream of many entries is sorted where temporary files go.
func TestSortingOnAFullDiskIsAnError(t *testing.T) {
	cases := map[int]int{4 << 10: 50_000} // bytes of the disk: entries of the stream
	if soaking() {
		cases[1<<20] = 400_000
	}
	for size, entries := range cases {
		disk, store, home := newSmallDisk(t, size), filepath.Join(t.TempDir(), "store"), os.TempDir()
		afs(t, store, 0, "init")
		stream := unsortedTar(t, entries)
		ingest := func(code int, temp string) string {
			t.Helper()
			in, err := os.Open(stream)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			cmd := exec.Command("afs-engine", "--store", store, "--quiet", "ingest", "-", "a/b@1")
			cmd.Env = append(os.Environ(), "TMPDIR="+temp)
			cmd.Stdin = in
			out, _ := cmd.CombinedOutput() // the code says it all
			if got := cmd.ProcessState.ExitCode(); got != code {
				t.Fatalf("%d entries, %d bytes: exit %d, want %d: %s", entries, size, got, code, out)
			}
			return string(out)
		}
		if says := ingest(16, disk.dir); strings.Count(says, "\n") != 1 || !strings.Contains(says, "scratch space") {
			t.Errorf("%d entries, %d bytes: it says %q", entries, size, says)
		}
		if left, err := os.ReadDir(disk.dir); len(left) > 0 || err != nil {
			t.Errorf("it leaves %v (%v)", left, err)
		}
		expectClean(t, store, "")
		afs(t, store, 10, "info", "a/b@1")
		ingest(0, home)
		afs(t, store, 0, "verify", "--read-data")
	}
}

// unsortedTar makes an archive of empty files.
func unsortedTar(t *testing.T, entries int) (path string) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "tar"))
	if err != nil {
		t.Fatal(err)
	}
	buf := bufio.NewWriter(f)
	w := tar.NewWriter(buf)
	for i := range entries {
		name := fmt.Sprintf("%016x/a-file-with-a-rather-long-name-%d", uint64(i)*0x9e3779b97f4a7c15%997, i)
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), buf.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}
