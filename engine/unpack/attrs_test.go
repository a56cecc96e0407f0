package unpack

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/source"
)

var keepAll = source.Options{KeepOwner: true, KeepXattrs: true}

// tarless is an attribute that tar has no place for.
const tarless = "user.\xfe="

// ownedTree has special bits, the extended attribute attr and, for root, the
// owners of others.
func ownedTree(t *testing.T, attr string) string {
	t.Helper()
	root := tree(t, t.TempDir(), "suid=#!", "read-only=x", "plain=y", "sticky/f=z", "l -> plain", "one=1")
	must(t, os.Link(filepath.Join(root, "one"), filepath.Join(root, "two")))
	for name, value := range map[string]string{"read-only": "\x00\xff", "sticky": "", "plain": strings.Repeat("v", 1000), "one": "shared"} {
		err := unix.Setxattr(filepath.Join(root, name), attr, []byte(value), 0)
		if errors.Is(err, unix.ENOTSUP) {
			t.Skip("no extended attributes here")
		}
		must(t, err)
	}
	if os.Geteuid() == 0 {
		for _, name := range []string{"", "suid", "read-only", "sticky", "sticky/f", "l", "one"} {
			must(t, os.Lchown(filepath.Join(root, name), 1234, 4321))
		}
		capability := "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" // cap_net_bind_service+ep
		must(t, unix.Setxattr(filepath.Join(root, "suid"), "security.capability", []byte(capability), 0))
	}
	for name, mode := range map[string]uint32{"suid": 0o6755, "read-only": 0o400, "sticky": 0o1777, "one": 0o2640} {
		must(t, syscall.Chmod(filepath.Join(root, name), mode))
	}
	return root
}

func TestOwnersAndXattrsComeBack(t *testing.T) {
	from := ownedTree(t, tarless)
	m := newMemStore()
	root := m.ingest(t, source.Dir(from, keepAll))
	dest := filepath.Join(t.TempDir(), "x")
	res, err := Tree(t.Context(), m, root, dest, Options{})
	must(t, err)
	if res.NoOwner != 0 || res.NoXattrs != 0 {
		t.Errorf("result %+v", res)
	}
	sameTree(t, dest, from)
	for _, o := range []Options{{Overwrite: Changed}, {Resume: true}} {
		res, err = Tree(t.Context(), m, root, dest, o)
		must(t, err)
		if res.Files != 0 || res.Links != 0 || res.Linked != 0 {
			t.Errorf("%+v writes again: %+v", o, res)
		}
	}
}

func TestOwnersAndXattrsComeBackFromTar(t *testing.T) {
	m := newMemStore()
	root := m.ingest(t, source.Dir(ownedTree(t, "user.\xfe\n"), keepAll))
	var b bytes.Buffer
	res, err := Tar(t.Context(), m, root, &b, Options{})
	must(t, err)
	if res.NoXattrs != 0 {
		t.Errorf("result %+v", res)
	}
	back := m.ingest(t, source.Tar(&b, keepAll))
	if back.Tree != root.Tree || back.Attr.Tree != root.Attr.Tree {
		t.Error("the stream does not have the same content and attributes ids")
	}
}

func TestXattrThatTarCannotNameIsReported(t *testing.T) {
	m := newMemStore()
	root := m.ingest(t, source.Dir(ownedTree(t, tarless), keepAll))
	var told actions
	var b bytes.Buffer
	res, err := Tar(t.Context(), m, root, &b, Options{Report: told.report})
	must(t, err)
	want := []string{"no-xattrs one", "no-xattrs plain", "no-xattrs read-only", "no-xattrs sticky/"}
	if !slices.Equal(told.sorted(), want) || res.NoXattrs != 4 {
		t.Errorf("told %q, %+v", told.list, res)
	}
}

// strange is a file whose owner and attributes few may have.
func strange(t *testing.T, m *memStore, a manifest.Attr) manifest.Entry {
	t.Helper()
	b := manifest.NewBuilder(m)
	must(t, b.Enter(t.Context(), manifest.Entry{Kind: manifest.Dir, Attr: manifest.Attr{Mode: 0o755}}))
	must(t, b.Add(t.Context(), manifest.Entry{Name: "f", Kind: manifest.File, Attr: a}))
	must(t, b.Leave(t.Context()))
	_, root, err := b.Root()
	must(t, err)
	return root
}

// TestSetuidNeedsItsOwner: whatever a manifest says, special bits are set only
// together with the owner that it names.
func TestSetuidNeedsItsOwner(t *testing.T) {
	m := newMemStore()
	for want, a := range map[uint32]manifest.Attr{
		0o755:  {Mode: 0o7755},
		0o6755: {Mode: 0o6755, Owner: manifest.Owner{Known: true, UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}},
	} {
		dest := t.TempDir()
		_, err := Tree(t.Context(), m, strange(t, m, a), dest, Options{})
		must(t, err)
		var st syscall.Stat_t
		must(t, syscall.Stat(filepath.Join(dest, "f"), &st))
		if uint32(st.Mode)&0o7777 != want {
			t.Errorf("mode %o, want %o", st.Mode&0o7777, want)
		}
	}
}

// TestWhatCannotBeSetIsReported is about a user who is not root, for whom a
// test process cannot stand in; the kernel's answers can.
func TestWhatCannotBeSetIsReported(t *testing.T) {
	var told actions
	u := newUnpacker(t.Context(), nil, Options{Report: told.report})
	p := newPlace(u, nil, "dest", manifest.Entry{}, nil)
	f := &stubborn{chown: syscall.EPERM}
	a := manifest.Attr{Mode: 0o4755, Owner: manifest.Owner{Known: true, UID: 1, GID: 2}, Xattrs: []manifest.Xattr{{Name: "security.capability"}, {Name: "user.ok"}}}
	must(t, u.setAttrs(p, "f", f, a))
	if f.mode != 0o755 || !slices.Equal(f.tried, []string{"chown", "security.capability", "user.ok", "chmod"}) {
		t.Errorf("mode %o after %q", f.mode, f.tried)
	}
	f = &stubborn{}
	must(t, u.setAttrs(p, "g", f, a))
	if f.mode != 0o4755 {
		t.Errorf("mode %o", f.mode)
	}
	a.Xattrs = []manifest.Xattr{{Name: "trusted.overlay.opaque", Value: "y"}}
	must(t, u.setAttrs(p, "h", f, a))
	if slices.Contains(f.tried, "trusted.overlay.opaque") {
		t.Error("an attribute that steers the system was set")
	}
	if err := u.setAttrs(p, "i", &stubborn{chown: syscall.EIO}, a); !errors.Is(err, syscall.EIO) {
		t.Errorf("a failing disk: %v", err)
	}
	want := []string{"no-owner f", "no-xattrs f", "no-xattrs g", "no-xattrs h"}
	if !slices.Equal(told.sorted(), want) || u.result().NoOwner != 1 || u.result().NoXattrs != 3 {
		t.Errorf("told %q, %+v", told.list, u.result())
	}
}

// stubborn takes user attributes only, and an owner if chown is nil.
type stubborn struct {
	chown error
	mode  uint32
	tried []string
}

func (s *stubborn) Stat() (dirfd.Info, error) { return dirfd.Info{UID: 99, GID: 99}, nil }

func (s *stubborn) Chown(uid, gid uint32) error {
	s.tried = append(s.tried, "chown")
	return s.chown
}

func (s *stubborn) Chmod(mode uint32) error {
	s.tried, s.mode = append(s.tried, "chmod"), mode
	return nil
}

func (s *stubborn) SetXattr(x dirfd.Xattr) error {
	s.tried = append(s.tried, x.Name)
	if !strings.HasPrefix(x.Name, "user.") {
		return syscall.EPERM
	}
	return nil
}

// TestAnotherOwnerIsADifference, if this user can make it go away.
func TestAnotherOwnerIsADifference(t *testing.T) {
	m := newMemStore()
	owner := manifest.Owner{Known: true, UID: 1234, GID: 4321}
	info := dirfd.Info{Type: dirfd.Regular, Mode: 0o755, UID: 99, GID: 99, MTime: time.Unix(1, 0)}
	a := manifest.Attr{Mode: 0o4755, MTime: info.MTime, Owner: owner}
	for _, root := range []bool{true, false} {
		u := newUnpacker(t.Context(), m, Options{})
		u.root = root
		if same := u.sameAttrs(a, info); same == root {
			t.Errorf("root %v: same %v", root, same)
		}
		theirs := info
		theirs.UID, theirs.GID = owner.UID, owner.GID
		if u.sameAttrs(a, theirs) {
			t.Error("a lost setuid bit is no difference")
		}
		theirs.Mode = 0o4755
		if !u.sameAttrs(a, theirs) {
			t.Error("the same is a difference")
		}
	}
}
