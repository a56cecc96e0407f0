package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// oddTree makes a tree with all that is hard to store, as far as this user may
// make it, and what cannot be stored: those paths are returned.
func oddTree(t *testing.T, root string) (unstorable []string) {
	t.Helper()
	at := func(name string) string { return filepath.Join(root, name) }
	file := func(name, text string) string {
		ok(t, os.MkdirAll(filepath.Dir(at(name)), 0o755))
		ok(t, os.WriteFile(at(name), []byte(text), 0o644))
		return at(name)
	}
	dir := func(name string) string {
		ok(t, os.MkdirAll(at(name), 0o755))
		return at(name)
	}

	file("empty", "")
	dir("void")
	for _, l := range [][2]string{{"dangling", "/nowhere/\xff"}, {"loop", "loop"}, {"up", ".."}, {"one", "other"}, {"other", "one"}, {"dir-link", "void"}} {
		ok(t, os.Symlink(l[1], at(l[0])))
	}
	ok(t, os.Symlink(strings.Repeat("t", 4095), at("long-target")))

	for c := 1; c < 256; c++ {
		if c != '/' {
			file("bytes/b"+string([]byte{byte(c)}), fmt.Sprint(c))
		}
	}
	file("bytes/"+strings.Repeat("\xff", 255), "255 bytes")
	file("bytes/case", "lower")
	file("bytes/CASE", "upper")
	file("bytes/\u00e9", "composed")
	file("bytes/e\u0301", "decomposed")
	file(strings.Repeat("ddd/", 999)+"end", "1,000 levels, 3,999 bytes")

	for mode := range uint32(0o1000) {
		if os.Geteuid() != 0 && mode&0o400 == 0 {
			continue // this user could not read it
		}
		ok(t, syscall.Chmod(file(fmt.Sprintf("modes/f%03o", mode), "x"), mode))
	}
	for _, mode := range []uint32{0o700, 0o711, 0o555, 0o1777, 0o2755, 0o500, 0} {
		if os.Geteuid() != 0 && mode < 0o500 {
			continue
		}
		d := dir(fmt.Sprintf("modes/d%04o", mode))
		ok(t, os.WriteFile(d+"/in", nil, 0o644))
		ok(t, syscall.Chmod(d, mode))
	}
	ok(t, syscall.Chmod(file("modes/setuid", "#!"), 0o6755))

	for i, sec := range []int64{-1 << 31, -1, 0, 1<<31 - 1, 1 << 31, 1 << 33} {
		when := time.Unix(sec, 999_999_999-int64(i))
		ok(t, os.Chtimes(file(fmt.Sprint("times/f", i), "t"), when, when))
	}
	ok(t, os.Chtimes(at("times"), time.Unix(-1, 1), time.Unix(-1, 1)))

	file("links/z", "several names")
	ok(t, os.Link(at("links/z"), at("links/a")))
	ok(t, os.Link(at("links/z"), filepath.Join(dir("a-before"), "first")))

	holes, err := os.Create(at("holes"))
	ok(t, err)
	_, err = holes.WriteAt([]byte("in the middle"), 20<<20)
	ok(t, errors.Join(err, holes.Truncate(64<<20), holes.Close()))

	for name, value := range map[string]string{"empty": "", "void": "\x00\xff\n", "modes/setuid": strings.Repeat("v", 1500)} {
		ok(t, unix.Setxattr(at(name), "user.odd \xff", []byte(value), 0))
	}
	ok(t, syscall.Mkfifo(at("pipe"), 0o644))
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	ok(t, err)
	defer unix.Close(socket)
	ok(t, unix.Bind(socket, &unix.SockaddrUnix{Name: at("socket")}))
	unstorable = []string{"pipe", "socket"}
	if os.Geteuid() == 0 {
		ok(t, os.Lchown(at("dangling"), 12345, 54321))
		ok(t, os.Lchown(at("void"), 12345, 1<<32-2))
		ok(t, os.Lchown(at("links/z"), 7, 8))
		if err := unix.Mknod(at("device"), unix.S_IFCHR|0o644, 0x103); err == nil {
			unstorable = append([]string{"device"}, unstorable...)
		}
	}
	return unstorable
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// describe lists what is under root by what the system says of it.
func describe(t *testing.T, root string, leaveOut ...string) map[string]string {
	t.Helper()
	all, first := map[string]string{}, map[uint64]string{}
	ok(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := strings.TrimPrefix(strings.TrimPrefix(path, root), "/")
		if slices.Contains(leaveOut, rel) {
			return nil
		}
		var st syscall.Stat_t
		if err := syscall.Lstat(path, &st); err != nil {
			return err
		}
		text := fmt.Sprintf("%o %d:%d %v", st.Mode, st.Uid, st.Gid, st.Mtim)
		switch st.Mode & syscall.S_IFMT {
		case syscall.S_IFLNK:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			all[rel] = text + " -> " + target
			return nil
		case syscall.S_IFREG:
			if _, there := first[st.Ino]; !there {
				first[st.Ino] = rel
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			h := sha256.New()
			_, err = io.Copy(h, f)
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
			text += fmt.Sprintf(" %d %d %x = %s", st.Nlink, st.Size, h.Sum(nil), first[st.Ino])
		}
		x, err := ownXattrs(path)
		all[rel] = text + x
		return err
	}))
	return all
}

// ownXattrs are those that are not of a mount.
func ownXattrs(path string) (string, error) {
	buf := make([]byte, 1<<10)
	n, err := unix.Listxattr(path, buf)
	if err != nil {
		return "", err
	}
	text := ""
	for name := range strings.SplitSeq(string(buf[:n]), "\x00") {
		if name == "" || strings.HasPrefix(name, "user.afs.") {
			continue
		}
		value := make([]byte, 4<<10)
		n, err := unix.Getxattr(path, name, value)
		if err != nil {
			return "", err
		}
		text += fmt.Sprintf(" %q=%q", name, value[:n])
	}
	return text, nil
}

func sameAs(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for path := range want {
		if got[path] != want[path] {
			t.Errorf("%s: %q is\n %s, want\n %s", what, path, got[path], want[path])
		}
	}
	for path := range got {
		if _, there := want[path]; !there {
			t.Errorf("%s: %q is there and should not be", what, path)
		}
	}
}

// shortDir is a directory with a path that leaves room for long ones in it.
func shortDir(t *testing.T) string {
	t.Helper()
	d, err := os.MkdirTemp("/var/tmp", "odd")
	ok(t, err)
	t.Cleanup(func() {
		_ = exec.Command("chmod", "-R", "u+rwx", d).Run() // for users other than root
		if err := os.RemoveAll(d); err != nil {
			t.Error(err)
		}
	})
	return d
}

func TestOddTreesComeBackAsTheyWere(t *testing.T) {
	top := shortDir(t)
	tree, store := filepath.Join(top, "tree"), filepath.Join(top, "store")
	ok(t, os.Mkdir(tree, 0o751))
	if err := unix.Setxattr(tree, "user.root", nil, 0); errors.Is(err, unix.ENOTSUP) {
		t.Skipf("no extended attributes in %s", top)
	}
	unstorable := oddTree(t, tree)
	want := describe(t, tree, unstorable...)

	out := afs(t, store, 0, "ingest", "--json", "--owner=keep", "--xattrs=keep", tree, "o/o@1")
	var res struct {
		Files   int64
		Skipped []struct{ Path, Reason string }
	}
	ok(t, json.Unmarshal([]byte(out), &res))
	var skipped []string
	for _, s := range res.Skipped {
		skipped = append(skipped, s.Path)
	}
	if !slices.Equal(skipped, unstorable) {
		t.Errorf("left out %q, want %q", skipped, unstorable)
	}

	dest := filepath.Join(top, "out")
	afs(t, store, 0, "restore", "o/o@1", dest)
	sameAs(t, "restored", describe(t, dest), want)
	var st syscall.Stat_t
	ok(t, syscall.Stat(filepath.Join(dest, "holes"), &st))
	if st.Blocks*512 > 8<<20 {
		t.Errorf("a restored sparse file takes %d bytes", st.Blocks*512)
	}
	afs(t, store, 0, "diff", "--exit-code", "--owner=keep", "--xattrs=keep", "o/o@1", dest)
	afs(t, store, 0, "restore", "o/o@1", dest, "--overwrite=changed", "--delete")
	sameAs(t, "restored over itself", describe(t, dest), want)
	ok(t, exec.Command("chmod", "-R", "u+rwx", dest).Run())
	ok(t, os.RemoveAll(dest))

	stream := exec.Command("sh", "-c", `afs-engine --store "$1" --quiet restore o/o@1 - | afs-engine --store "$1-2" --quiet ingest - o/o@1 --owner=keep --xattrs=keep`, "sh", store)
	if out, err := stream.CombinedOutput(); err != nil {
		t.Fatalf("through tar: %v\n%s", err, out)
	}
	afs(t, store+"-2", 0, "restore", "o/o@1", dest)
	sameAs(t, "restored through tar", describe(t, dest), want)

	afs(t, store, 0, "verify", "--read-data")
	if canMount(t) {
		mnt := filepath.Join(top, "mnt")
		ok(t, os.Mkdir(mnt, 0o755))
		afs(t, store, 0, "mount", "--daemon", mnt)
		defer afs(t, store, 0, "umount", mnt)
		sameAs(t, "mounted", describe(t, filepath.Join(mnt, "o/o@1")), want)
	}
}

// TestOwnersAndXattrsAreLeftOutByDefault also holds for setuid bits.
func TestOwnersAndXattrsAreLeftOutByDefault(t *testing.T) {
	top := shortDir(t)
	tree, store, dest := filepath.Join(top, "tree"), filepath.Join(top, "store"), filepath.Join(top, "out")
	for _, name := range []string{"d", "f"} {
		ok(t, os.MkdirAll(filepath.Join(tree, "d"), 0o755))
		if name == "f" {
			ok(t, os.WriteFile(filepath.Join(tree, "f"), nil, 0o755))
		}
		if err := unix.Setxattr(filepath.Join(tree, name), "user.x", nil, 0); errors.Is(err, unix.ENOTSUP) {
			t.Skipf("no extended attributes in %s", top)
		}
		if os.Geteuid() == 0 {
			ok(t, os.Chown(filepath.Join(tree, name), 12345, 54321))
		}
		ok(t, syscall.Chmod(filepath.Join(tree, name), 0o7755))
	}
	afs(t, store, 0, "ingest", tree, "o/o@1")
	afs(t, store, 0, "restore", "o/o@1", dest)
	for _, name := range []string{"d", "f"} {
		var st syscall.Stat_t
		ok(t, syscall.Stat(filepath.Join(dest, name), &st))
		x, err := ownXattrs(filepath.Join(dest, name))
		ok(t, err)
		if st.Mode&0o7777 != 0o755 || st.Uid != uint32(os.Geteuid()) || x != "" {
			t.Errorf("%s has mode %o, user %d, attributes %q", name, st.Mode&0o7777, st.Uid, x)
		}
	}
}
