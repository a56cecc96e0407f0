package dirfd

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestNothingFollowsLinks(t *testing.T) {
	outside := t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "f"), []byte("precious"), 0o644))
	d := open(t)
	must(t, d.Symlink(outside, "dir"))
	must(t, d.Symlink(filepath.Join(outside, "f"), "file"))

	if sub, err := d.OpenDir("dir"); err == nil {
		sub.Close()
		t.Error("OpenDir followed a link")
	}
	for _, flags := range []int{os.O_RDONLY, os.O_WRONLY | os.O_TRUNC, os.O_WRONLY | os.O_CREATE} {
		if f, err := d.OpenFile("file", flags, 0o600); err == nil {
			f.Close()
			t.Errorf("OpenFile with flags %x followed a link", flags)
		}
	}
	old := time.Unix(7, 8)
	must(t, d.SetMTime("file", old))
	info, err := d.Lstat("file")
	must(t, err)
	if info.Type != Link || !info.MTime.Equal(old) {
		t.Errorf("the link is %+v", info)
	}
	if there, err := os.Stat(filepath.Join(outside, "f")); err != nil || there.ModTime().Equal(old) {
		t.Errorf("SetMTime followed a link: %v", err)
	}
	must(t, d.Remove("file"))
	if target, err := d.Readlink("dir", 4095); target != outside || err != nil {
		t.Errorf("Readlink: %q, %v", target, err)
	}
}

func TestNamesYieldsAllAgainAndAgain(t *testing.T) {
	d := open(t)
	var want []string
	for i := range 600 { // more than one buffer holds
		name := strings.Repeat(string(rune('a'+i%26)), 1+i/26) + "-\xff"
		must(t, d.Mkdir(name, 0o700))
		want = append(want, name)
	}
	slices.Sort(want)
	for range 2 {
		var got []string
		for name, err := range d.Names() {
			must(t, err)
			got = append(got, name)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("%d names, want %d", len(got), len(want))
		}
		for range d.Names() {
			break // the next loop begins anew
		}
	}
}

func TestFilesAreWrittenReadAndDescribed(t *testing.T) {
	d := open(t)
	f, err := d.OpenFile("f", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	must(t, err)
	_, err = f.WriteAt([]byte("data"), 3)
	must(t, err)
	must(t, f.Truncate(10))
	must(t, f.Chmod(0o641))
	must(t, f.Sync())
	b, err := io.ReadAll(f)
	must(t, err)
	if string(b) != "\x00\x00\x00data\x00\x00\x00" {
		t.Errorf("read %q", b)
	}
	info, err := f.Stat()
	must(t, err)
	must(t, f.Close())
	if info.Type != Regular || info.Size != 10 || info.Mode != 0o641 || info.UID != uint32(os.Geteuid()) {
		t.Errorf("described as %+v", info)
	}
	must(t, d.Rename("f", "g"))
	other, err := d.Lstat("g")
	must(t, err)
	if !other.Same(info) || other.Unchanged(Info{}) {
		t.Error("the file is not the same under another name")
	}
	must(t, d.SetMTime("g", time.Unix(1, 0)))
	if now, _ := d.Lstat("g"); now.Unchanged(info) {
		t.Error("another time goes unnoticed")
	}
}

func TestPipesDoNotBlock(t *testing.T) {
	d := open(t)
	must(t, syscall.Mkfifo(filepath.Join(d.path, "pipe"), 0o600))
	f, err := d.OpenFile("pipe", os.O_RDONLY, 0)
	must(t, err)
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Type != Other {
		t.Errorf("a pipe is %+v, %v", info, err)
	}
}

func TestErrorsNameTheEntry(t *testing.T) {
	d := open(t)
	_, err := d.Lstat("none")
	var pe *fs.PathError
	if !errors.As(err, &pe) || pe.Path != "none" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Lstat: %v", err)
	}
	must(t, d.Mkdir("sub", 0o700))
	if err := d.Mkdir("sub", 0o700); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Mkdir: %v", err)
	}
	must(t, d.RemoveDir("sub"))
	must(t, d.Chmod(0o700))
	must(t, d.Sync())
	must(t, d.SyncAll())
}

// testDir is a Dir that knows its path.
type testDir struct {
	*Dir
	path string
}

func open(t *testing.T) testDir {
	t.Helper()
	path := t.TempDir()
	d, err := Open(path)
	must(t, err)
	t.Cleanup(func() { must(t, d.Close()) })
	return testDir{d, path}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLinksAreMadeToNamesNotToWhatTheyLeadTo(t *testing.T) {
	d := open(t)
	f, err := d.OpenFile("f", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	must(t, err)
	must(t, f.Close())
	must(t, d.Symlink("f", "l"))
	must(t, d.Mkdir("sub", 0o700))
	sub, err := d.OpenDir("sub")
	must(t, err)
	defer sub.Close()
	must(t, d.Link("f", sub, "g"))
	was, err := d.Lstat("f")
	must(t, err)
	if is, err := sub.Lstat("g"); err != nil || !is.Same(was) || is.Links != 2 {
		t.Errorf("linked: %+v, %v", is, err)
	}
	must(t, d.Link("l", sub, "m"))
	if is, err := sub.Lstat("m"); err != nil || is.Type != Link {
		t.Errorf("a link to a link is %+v, %v", is, err)
	}
	if err := d.Link("f", sub, "g"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another name: %v", err)
	}
}

func TestOwnersAreSetWithoutFollowingLinks(t *testing.T) {
	d := open(t)
	f, err := d.OpenFile("f", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	must(t, err)
	defer f.Close()
	must(t, d.Symlink("f", "l"))
	uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
	if uid == 0 {
		uid, gid = 12345, 1<<32-2
	}
	must(t, d.Lchown("l", uid, gid))
	must(t, d.Chown(uid, gid))
	for name, want := range map[string]uint32{"l": uid, ".": uid, "f": uint32(os.Geteuid())} {
		if is, err := d.Lstat(name); err != nil || is.UID != want {
			t.Errorf("%s: %+v, %v", name, is, err)
		}
	}
	must(t, f.Chown(uid, gid))
	if is, err := f.Stat(); err != nil || is.UID != uid || is.GID != gid {
		t.Errorf("f: %+v, %v", is, err)
	}
}

func TestXattrsReadBack(t *testing.T) {
	d := open(t)
	f, err := d.OpenFile("f", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	must(t, err)
	defer f.Close()
	want := []Xattr{{"user.\xff\n=", strings.Repeat("v", 3000)}, {"user.empty", ""}}
	for _, x := range append(want, Xattr{"user.unwanted", "x"}) {
		if err := f.SetXattr(x); errors.Is(err, syscall.ENOTSUP) {
			t.Skip("no extended attributes here")
		} else {
			must(t, err)
		}
	}
	must(t, d.SetXattr(Xattr{"user.dir", "\x00"}))
	wanted := func(name string) bool { return name != "user.unwanted" && strings.HasPrefix(name, "user.") }
	got, err := f.Xattrs(wanted)
	must(t, err)
	slices.SortFunc(got, func(a, b Xattr) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(want, func(a, b Xattr) int { return strings.Compare(a.Name, b.Name) })
	if !slices.Equal(got, want) {
		t.Errorf("read %q", got)
	}
	if got, err := d.Xattrs(wanted); err != nil || !slices.Equal(got, []Xattr{{"user.dir", "\x00"}}) {
		t.Errorf("of the directory: %q, %v", got, err)
	}
	if err := f.SetXattr(Xattr{"nonsense", ""}); err == nil {
		t.Error("an attribute without a namespace was set")
	}
}

// TestRenameNewReplacesNothing, with the system's help and without.
func TestRenameNewReplacesNothing(t *testing.T) {
	d := open(t)
	touch := func(name string) {
		f, err := d.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		must(t, err)
		must(t, f.Close())
	}
	for how, rename := range map[string]func(from, to string) error{
		"RenameNew": d.RenameNew,
		"fallback":  func(from, to string) error { return renameAbsent(d.fd, from, to) },
	} {
		touch("from")
		must(t, d.Symlink("nowhere", "link"))
		must(t, d.Mkdir("dir", 0o700))
		touch("file")
		for _, to := range []string{"link", "dir", "file", "from"} {
			if err := rename("from", to); !errors.Is(err, fs.ErrExist) {
				t.Errorf("%s to %s: %v", how, to, err)
			}
		}
		must(t, rename("from", "free"))
		if _, err := d.Lstat("from"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the old name: %v", how, err)
		}
		for _, name := range []string{"link", "file", "free"} {
			must(t, d.Remove(name))
		}
		must(t, d.RemoveDir("dir"))
	}
}

// TestUnnamedFilesGetANameThatIsFree, or none.
func TestUnnamedFilesGetANameThatIsFree(t *testing.T) {
	d := open(t)
	f, err := d.OpenUnnamed(0o600)
	if err != nil {
		t.Skip("files cannot be made without a name here: ", err)
	}
	defer f.Close()
	_, err = f.WriteAt([]byte("text"), 0)
	must(t, err)
	for name, err := range d.Names() {
		t.Errorf("before it has a name: %q, %v", name, err)
	}
	must(t, d.Symlink("nowhere", "link"))
	must(t, d.Mkdir("dir", 0o700))
	if err := d.LinkFile(f, "free"); errors.Is(err, fs.ErrNotExist) {
		t.Skip("this user may not give it a name: ", err)
	} else {
		must(t, err)
	}
	for _, name := range []string{"link", "dir", "free"} {
		if err := d.LinkFile(f, name); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if info, err := d.Lstat("free"); err != nil || info.Type != Regular || info.Size != 4 || info.Mode != 0o600 || info.Links != 1 {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestTimesOfOpenFilesAreSetToTheNanosecond(t *testing.T) {
	d := open(t)
	f, err := d.OpenFile("f", os.O_WRONLY|os.O_CREATE, 0o600)
	must(t, err)
	defer f.Close()
	for _, want := range []time.Time{time.Unix(1_700_000_000, 123_456_789), time.Unix(-5, 1)} {
		must(t, d.SetMTimeOf(f, want))
		if info, err := d.Lstat("f"); err != nil || !info.MTime.Equal(want) {
			t.Errorf("%v, want %v (%v)", info.MTime, want, err)
		}
	}
}

func TestReadAtReadsThereOrSaysThatItEnds(t *testing.T) {
	d := open(t)
	f, err := d.OpenFile("f", os.O_RDWR|os.O_CREATE, 0o600)
	must(t, err)
	defer f.Close()
	_, err = f.WriteAt([]byte("0123456789"), 0)
	must(t, err)
	for _, c := range []struct {
		off  int64
		n    int
		want string
		err  error
	}{{0, 10, "0123456789", nil}, {3, 4, "3456", nil}, {8, 4, "89", io.EOF}, {10, 1, "", io.EOF}, {5, 0, "", nil}} {
		b := make([]byte, c.n)
		n, err := f.ReadAt(b, c.off)
		if string(b[:n]) != c.want || err != c.err {
			t.Errorf("%d bytes at %d: %q, %v", c.n, c.off, b[:n], err)
		}
	}
}
