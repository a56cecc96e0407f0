package source

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/artifortress/afs-engine/engine/manifest"
)

// setXattr is for attributes that every file system of a developer has.
func setXattr(t *testing.T, path, name, value string) {
	t.Helper()
	err := unix.Setxattr(path, name, []byte(value), 0)
	if errors.Is(err, unix.ENOTSUP) {
		t.Skipf("no extended attributes at %s", path)
	}
	must(t, err)
}

func TestOwnersAreTakenIfWanted(t *testing.T) {
	root := tree(t, t.TempDir(), "f", "d/", "l -> f")
	uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
	if uid == 0 {
		uid, gid = 12345, 1<<32-2
		for _, name := range []string{"", "f", "d", "l"} {
			must(t, os.Lchown(filepath.Join(root, name), int(uid), int(gid)))
		}
	}
	must(t, syscall.Chmod(filepath.Join(root, "f"), 0o4755))
	must(t, syscall.Chmod(filepath.Join(root, "d"), 0o1777))
	with, without := record(t, Dir(root, Options{KeepOwner: true})), record(t, Dir(root, Options{}))
	for name, e := range with.entries {
		if e.Attr.Owner != (manifest.Owner{Known: true, UID: uid, GID: gid}) {
			t.Errorf("%q has %v", name, e.Attr.Owner)
		}
		if o := without.entries[name].Attr.Owner; o != (manifest.Owner{}) {
			t.Errorf("unwanted, %q has %v", name, o)
		}
	}
	for name, want := range map[string][2]uint32{"f": {0o4755, 0o755}, "d": {0o1777, 0o777}, "l": {0o777, 0o777}} {
		if a, b := with.entries[name].Attr.Mode, without.entries[name].Attr.Mode; a != want[0] || b != want[1] {
			t.Errorf("%s has modes %o and %o", name, a, b)
		}
	}
}

func TestXattrsAreTakenIfWanted(t *testing.T) {
	root := tree(t, t.TempDir(), "f", "d/x", "plain")
	setXattr(t, root, "user.root", "r")
	setXattr(t, filepath.Join(root, "f"), "user.z", "")
	setXattr(t, filepath.Join(root, "f"), "user.\xff\n", strings.Repeat("v", 2000))
	setXattr(t, filepath.Join(root, "f"), "user.afs.content", "of a mount")
	setXattr(t, filepath.Join(root, "d"), "user.d", "\x00")
	r := record(t, Dir(root, Options{KeepXattrs: true}))
	r.wantProblems()
	want := map[string][]manifest.Xattr{
		"":  {{Name: "user.root", Value: "r"}},
		"f": {{Name: "user.z"}, {Name: "user.\xff\n", Value: strings.Repeat("v", 2000)}},
		"d": {{Name: "user.d", Value: "\x00"}},
	}
	for name, e := range r.entries {
		if !slices.Equal(e.Attr.Xattrs, want[name]) {
			t.Errorf("%q has %q", name, e.Attr.Xattrs)
		}
	}
	if r.bodies["f"] != "f" {
		t.Errorf("f reads %q", r.bodies["f"])
	}
	for name, e := range record(t, Dir(root, Options{})).entries {
		if e.Attr.Xattrs != nil {
			t.Errorf("unwanted, %q has %q", name, e.Attr.Xattrs)
		}
	}
}

// tarWith is an archive of one file with a header of its own.
func tarWith(t *testing.T, h tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	h.Format, h.Name, h.Typeflag = tar.FormatPAX, "f", tar.TypeReg
	must(t, w.WriteHeader(&h))
	must(t, w.Close())
	return b.Bytes()
}

func TestTarOwnersAndXattrsAreTakenIfWanted(t *testing.T) {
	b := tarWith(t, tar.Header{Mode: 0o4755, Uid: 7, Gid: 1<<32 - 2, PAXRecords: map[string]string{
		"SCHILY.xattr.user.b": "\x00=\n", "SCHILY.xattr.user.a": "", "SCHILY.xattr.trusted.t": "x", "comment": "c",
	}})
	r := record(t, Tar(bytes.NewReader(b), Options{KeepOwner: true, KeepXattrs: true}))
	r.wantProblems()
	a := r.entries["f"].Attr
	if a.Owner != (manifest.Owner{Known: true, UID: 7, GID: 1<<32 - 2}) || a.Mode != 0o4755 {
		t.Errorf("owner %v, mode %o", a.Owner, a.Mode)
	}
	if want := []manifest.Xattr{{Name: "user.a"}, {Name: "user.b", Value: "\x00=\n"}}; !slices.Equal(a.Xattrs, want) {
		t.Errorf("xattrs %q", a.Xattrs)
	}
	if e := r.entries[""]; e.Attr.Owner.Known {
		t.Error("a root that no entry names has an owner")
	}
	a = record(t, Tar(bytes.NewReader(b), Options{})).entries["f"].Attr
	if a.Owner.Known || a.Xattrs != nil || a.Mode != 0o755 {
		t.Errorf("unwanted: %+v", a)
	}
}

func TestWhatNoEntryCanHoldIsAProblem(t *testing.T) {
	big := tarWith(t, tar.Header{PAXRecords: map[string]string{"SCHILY.xattr.user.a": strings.Repeat("x", manifest.XattrsMax)}})
	r := record(t, Tar(bytes.NewReader(big), Options{KeepXattrs: true}))
	r.want("f")
	r.wantProblems("f: too large")
	r = record(t, Tar(bytes.NewReader(tarWith(t, tar.Header{Uid: 1 << 32})), Options{KeepOwner: true}))
	r.want("f")
	r.wantProblems("f: no such number")
}
