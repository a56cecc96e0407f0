package fusefs

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
)

// lstat is stat of what must be there.
func lstat(t *testing.T, path string) (st syscall.Stat_t) {
	t.Helper()
	if err := syscall.Lstat(path, &st); err != nil {
		t.Fatalf("lstat %q: %v", path, err)
	}
	return st
}

// listedIno is the inode number that a listing gives a name.
func listedIno(t *testing.T, dir, name string) uint64 {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	buf := make([]byte, 16<<10)
	n, err := unix.ReadDirent(int(f.Fd()), buf)
	if err != nil {
		t.Fatal(err)
	}
	for buf = buf[:n]; len(buf) > 0; {
		size := int(buf[16]) | int(buf[17])<<8
		if got, _, _ := strings.Cut(string(buf[19:size]), "\x00"); got == name {
			return binary.NativeEndian.Uint64(buf)
		}
		buf = buf[size:]
	}
	t.Fatalf("%q is not listed", name)
	return 0
}

func TestNamesOfOneFileShareItsInode(t *testing.T) {
	shared := func(data, group string) *thing {
		f := file(0o644, data)
		f.links = manifest.Links{Group: manifest.LinkGroup(group), Count: 3}
		return f
	}
	tree := dir(map[string]*thing{
		"a": shared("text", "a"), "b": dir(map[string]*thing{"c": shared("text", "a")}),
		"liar": shared("other text", "a"), "other": shared("text", "other"), "alone": file(0o644, "text"),
	})
	f := newFake()
	f.publish(t, someRef, tree)
	f.publish(t, "go/toolchain@2", tree)
	at := mountFake(t, f, Options{})
	version := filepath.Join(at, someRef)
	a := lstat(t, version+"/a")
	if c := lstat(t, version+"/b/c"); c.Ino != a.Ino || a.Nlink != 3 || c.Nlink != 3 {
		t.Errorf("a is inode %d with %d names, b/c %d with %d", a.Ino, a.Nlink, c.Ino, c.Nlink)
	}
	if x, y := listedIno(t, version, "a"), listedIno(t, version+"/b", "c"); x != a.Ino || y != a.Ino {
		t.Errorf("listed as %d and %d, are %d", x, y, a.Ino)
	}
	for _, path := range []string{someRef + "/liar", someRef + "/other", someRef + "/alone", "go/toolchain@2/a"} {
		if st := lstat(t, filepath.Join(at, path)); st.Ino == a.Ino {
			t.Errorf("%s is the same inode", path)
		}
	}
	for path, want := range map[string]string{"a": "text", "b/c": "text", "liar": "other text"} {
		if b, err := os.ReadFile(filepath.Join(version, path)); string(b) != want || err != nil {
			t.Errorf("%s reads %q, %v", path, b, err)
		}
	}
	ref, err := registry.ParseRef(someRef + ":b")
	if err != nil {
		t.Fatal(err)
	}
	if c := lstat(t, mountFake(t, f, Options{Ref: &ref})+"/c"); c.Ino != a.Ino {
		t.Error("another inode at another mount of the version")
	}
}

func TestOwnersAreShownIfStored(t *testing.T) {
	tree := dir(map[string]*thing{"theirs": file(0o644, ""), "d": dir(nil), "l": link("x"), "mine": file(0o644, "")})
	for _, name := range []string{"theirs", "d", "l"} {
		tree.children[name].owner = manifest.Owner{Known: true, UID: 1234, GID: manifest.OwnerMax}
	}
	f := newFake()
	f.publish(t, someRef, tree)
	version := filepath.Join(mountFake(t, f, Options{}), someRef)
	for name := range tree.children {
		uid, gid := uint32(1234), uint32(manifest.OwnerMax)
		if name == "mine" {
			uid, gid = uint32(os.Geteuid()), uint32(os.Getegid())
		}
		if st := lstat(t, filepath.Join(version, name)); st.Uid != uid || st.Gid != gid {
			t.Errorf("%s belongs to %d:%d, want %d:%d", name, st.Uid, st.Gid, uid, gid)
		}
	}
}

func TestStoredXattrsAreShown(t *testing.T) {
	big := strings.Repeat("v", 300)
	f, tree := newFake(), dir(map[string]*thing{"f": file(0o644, "x"), "d": dir(nil)})
	tree.children["f"].xattrs = []manifest.Xattr{{Name: "trusted.t", Value: "hidden"}, {Name: "user.afs.version", Value: "fake"}, {Name: "user.empty"}, {Name: "user.\xff", Value: big}}
	tree.children["d"].xattrs = []manifest.Xattr{{Name: "user.d", Value: "\x00"}}
	f.publish(t, someRef, tree)
	version := filepath.Join(mountFake(t, f, Options{}), someRef)
	for path, want := range map[string]map[string]string{"f": {"user.\xff": big, "user.empty": "", "user.afs.version": someRef}, "d": {"user.d": "\x00"}} {
		list := make([]byte, 1000)
		n, err := unix.Llistxattr(filepath.Join(version, path), list)
		names := strings.Split(strings.TrimSuffix(string(list[:max(n, 0)]), "\x00"), "\x00")
		if err != nil || slices.Contains(names, "trusted.t") || len(slices.Compact(slices.Sorted(slices.Values(names)))) != len(names) {
			t.Errorf("%s lists %q, %v", path, names, err)
		}
		for name, value := range want {
			if got, err := getxattr(filepath.Join(version, path), name); got != value || err != nil || !slices.Contains(names, name) {
				t.Errorf("%s of %s is %q, %v", name, path, got, err)
			}
		}
	}
}
