package fusefs

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
)

// helperEnv makes the test program do one thing in a process of its own.
const helperEnv = "FUSEFS_TEST_HELPER"

func TestMain(m *testing.M) {
	switch os.Getenv(helperEnv) {
	case "":
		os.Exit(m.Run())
	case "serve":
		os.Exit(helperServe(os.Args[1]))
	case "mmap":
		os.Exit(helperMap(os.Args[1]))
	}
}

func helper(t *testing.T, what, arg string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, arg)
	cmd.Env = append(os.Environ(), helperEnv+"="+what)
	return cmd
}

// helperServe mounts an empty registry and serves it until killed.
func helperServe(dir string) int {
	s, err := Mount(dir, newFake(), Options{})
	if err != nil {
		os.Stderr.WriteString(err.Error())
		return 1
	}
	os.Stdout.WriteString("ready\n")
	s.Wait()
	return 0
}

// helperMap prints a file by mapping it.
func helperMap(path string) int {
	f, err := os.Open(path)
	if err != nil {
		return 1
	}
	info, err := f.Stat()
	if err != nil {
		return 1
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return 1
	}
	if _, err := os.Stdout.Write(b); err != nil {
		return 1
	}
	return 0
}

func mounted(t *testing.T, dir string) bool {
	t.Helper()
	all, err := mountsAt(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(all) > 0
}

func TestUnmountLeavesAPlainDirectory(t *testing.T) {
	f, dir := newFake(), t.TempDir()
	s := mountAt(t, dir, f, Options{})
	if !mounted(t, dir) {
		t.Fatal("not mounted")
	}
	for range 2 { // once more is no error
		if err := s.Unmount(); err != nil || mounted(t, dir) {
			t.Fatalf("unmount: %v, still mounted: %v", err, mounted(t, dir))
		}
	}
	s.Wait()
	if err := os.WriteFile(dir+"/f", nil, 0o644); err != nil {
		t.Error(err)
	}
}

func TestUnmountDetachesAMountInUse(t *testing.T) {
	f, dir := newFake(), t.TempDir()
	tree := someTree()
	f.publish(t, someRef, tree)
	s := mountAt(t, dir, f, Options{})
	open, err := os.Open(filepath.Join(dir, someRef, "large"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := Unmount(dir); !errors.Is(err, ErrBusy) {
		t.Errorf("unmount from outside: %v, want ErrBusy", err)
	}
	if err := s.Unmount(); err != nil {
		t.Fatal(err)
	}
	s.Wait()
	if mounted(t, dir) {
		t.Error("still mounted")
	}
	if entries, err := os.ReadDir(dir); len(entries) != 0 || err != nil {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
	if data, err := io.ReadAll(open); string(data) != tree.children["large"].data || err != nil {
		t.Errorf("the open file gives %d bytes, %v", len(data), err)
	}
}

func TestUnmountFromOutsideEndsTheServer(t *testing.T) {
	f, dir := newFake(), t.TempDir()
	s := mountAt(t, dir, f, Options{})
	if err := Unmount(dir); err != nil {
		t.Fatal(err)
	}
	s.Wait()
	if err := Unmount(dir); !errors.Is(err, ErrNotMounted) {
		t.Errorf("once more: %v, want ErrNotMounted", err)
	}
}

func TestUnmountTouchesOnlyMountsOfThisProgram(t *testing.T) {
	plain, other := t.TempDir(), t.TempDir()
	if err := unix.Mount("none", other, "tmpfs", 0, ""); err == nil { // as root
		t.Cleanup(func() {
			if err := unix.Unmount(other, 0); err != nil {
				t.Error(err)
			}
		})
	}
	for _, dir := range []string{plain, other} {
		if err := Unmount(dir); !errors.Is(err, ErrNotMounted) {
			t.Errorf("unmount %s: %v, want ErrNotMounted", dir, err)
		}
	}
	if err := Unmount("/nonexistent/dir"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("unmount of nothing: %v", err)
	}
}

func TestMountRefusesAUselessDirectory(t *testing.T) {
	f, dir := newFake(), t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{file: syscall.ENOTDIR, filepath.Join(dir, "absent"): os.ErrNotExist} {
		refuse(t, path, f, Options{}, want)
	}
	point := t.TempDir()
	mountAt(t, point, f, Options{})
	refuse(t, point, f, Options{}, ErrMounted)
	link := filepath.Join(dir, "link with space")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	mountAt(t, link, f, Options{})
	if err := Unmount(link); err != nil {
		t.Errorf("unmount by a symbolic link: %v", err)
	}
}

func TestDeadMountIsClearedAway(t *testing.T) {
	requireFUSE(t)
	kill := func(dir string) {
		t.Helper()
		server := helper(t, "serve", dir)
		out, err := server.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
			t.Fatal(err)
		}
		if err := server.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := server.Wait(); err == nil {
			t.Fatal("the server was not killed")
		}
		if _, err := os.ReadDir(dir); !errors.Is(err, syscall.ENOTCONN) {
			t.Fatalf("the mount is not dead: %v", err)
		}
	}
	dir := t.TempDir()
	kill(dir)
	if err := Unmount(dir); err != nil || mounted(t, dir) {
		t.Errorf("unmount: %v, still mounted: %v", err, mounted(t, dir))
	}
	kill(dir)
	mountAt(t, dir, newFake(), Options{})
	if _, err := os.ReadDir(dir); err != nil {
		t.Errorf("after mounting on a dead mount: %v", err)
	}
}

func TestMountTable(t *testing.T) {
	const table = `22 1 254:0 / / rw,relatime - ext4 /dev/root rw
40 22 0:35 / /mnt/a\040b\134c rw,nosuid shared:1 - fuse.afs store ro,user_id=0
41 40 0:36 / /mnt/a\040b\134c rw - tmpfs none rw
42 22 0:37 / /mnt/a\9 rw master:2 propagate_from:3 - fuse.sshfs x rw
`
	all, err := parseMounts(strings.NewReader(table), `/mnt/a b\c`)
	if err != nil || len(all) != 2 || all[0].dev != "0:35" || all[0].fsType != fsType || all[1].fsType != "tmpfs" {
		t.Errorf("got %+v, %v", all, err)
	}
	for _, bad := range []string{"x\n", "1 2 3 - \n", "1 2 0:3 / / rw -\n"} {
		if _, err := parseMounts(strings.NewReader(bad), "/"); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}

func FuzzMountTable(f *testing.F) {
	f.Add("40 22 0:35 / /mnt/a\\040b rw,nosuid shared:1 - fuse.afs store ro\n")
	f.Fuzz(func(t *testing.T, table string) {
		all, err := parseMounts(strings.NewReader(table), "/mnt/a b")
		for _, m := range all {
			if err == nil && (m.point != "/mnt/a b" || m.dev == "" || m.fsType == "") {
				t.Errorf("%+v", m)
			}
		}
	})
}

// closed is a registry whose contexts tests look at.
type closed struct {
	*fake
	tree chan context.Context
}

func (c *closed) Tree(ctx context.Context, ref registry.Ref) (manifest.Entry, manifest.Source, error) {
	c.tree <- ctx
	return c.fake.Tree(ctx, ref)
}

func TestContextsEndWithTheMount(t *testing.T) {
	r := &closed{newFake(), make(chan context.Context, 1)}
	r.publish(t, someRef, someTree())
	dir := t.TempDir()
	s := mountAt(t, dir, r, Options{})
	if _, err := os.Stat(filepath.Join(dir, someRef)); err != nil {
		t.Fatal(err)
	}
	ctx := <-r.tree
	if err := ctx.Err(); err != nil {
		t.Errorf("while mounted: %v", err)
	}
	if err := s.Unmount(); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
}
