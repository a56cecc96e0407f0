package fusefs

import (
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
)

const someRef = "go/toolchain@1.26.0"

// noise is data that does not repeat.
func noise(n int) string {
	r := rand.NewChaCha8([32]byte{byte(n)})
	b := make([]byte, n)
	r.Read(b)
	return string(b)
}

func someTree() *thing {
	old := file(0o600, "before 1970")
	old.mtime = time.Unix(-1000, 999_999_999)
	locked := file(0, "no permissions at all")
	setuid := file(0o4755, "setuid")
	return dir(map[string]*thing{
		"empty":            file(0o644, ""),
		"short":            file(0o444, "hello\n"),
		"old":              old,
		"locked":           locked,
		"setuid":           setuid,
		"inline":           file(0o644, noise(5*pieceSize+1)),
		"large":            file(0o644, noise(300*pieceSize+7)),
		"holes":            file(0o644, strings.Repeat("\x00", 40*pieceSize)+"end"),
		"link":             link("bin/../short"),
		"dangling":         link("/nowhere/\xff"),
		"latin1-\xe9\xff":  file(0o644, "a name that is not UTF-8"),
		"new\nline \"q\" ": file(0o644, "an odd name"),
		"bin": dir(map[string]*thing{
			"tool": file(0o755, "#!/bin/sh\necho run from \"$0\"\n"),
			"empty": {
				kind: manifest.Dir, mode: 0o1777, mtime: someTime,
			},
		}),
	})
}

// check compares what stands at path with what a test wants there.
func check(t *testing.T, path string, want *thing) {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		t.Errorf("lstat %q: %v", path, err)
		return
	}
	size, nlink := int64(len(want.data)), uint64(1)
	switch want.kind {
	case manifest.Symlink:
		size = int64(len(want.target))
		if target, err := os.Readlink(path); target != want.target || err != nil {
			t.Errorf("readlink %q: %q, %v; want %q", path, target, err, want.target)
		}
	case manifest.File:
		if want.mode&0o400 == 0 && os.Geteuid() != 0 {
			break
		}
		if data, err := os.ReadFile(path); string(data) != want.data || err != nil {
			t.Errorf("read %q: %d bytes, %v; want %d bytes", path, len(data), err, len(want.data))
		}
	case manifest.Dir:
		nlink = 2
		names, err := os.ReadDir(path)
		if err != nil {
			t.Errorf("list %q: %v", path, err)
		}
		got := make([]string, 0, len(names))
		for _, n := range names {
			got = append(got, n.Name())
			if child := want.children[n.Name()]; child != nil && n.Type() != modeType(child.kind) {
				t.Errorf("list %q: %q is listed as %v", path, n.Name(), n.Type())
			}
		}
		if wanted := slices.Sorted(maps.Keys(want.children)); !slices.Equal(got, wanted) {
			t.Errorf("list %q: %q, want %q", path, got, wanted)
		}
		for name, child := range want.children {
			if child.kind == manifest.Dir {
				nlink++
			}
			check(t, path+"/"+name, child)
		}
	}
	type facts struct {
		mode, uid, gid      uint32
		size, blocks        int64
		nlink               uint64
		mtime, atime, ctime time.Time
	}
	mtime := want.mtime.UTC()
	got := facts{
		st.Mode, st.Uid, st.Gid, st.Size, st.Blocks, uint64(st.Nlink),
		time.Unix(st.Mtim.Unix()).UTC(), time.Unix(st.Atim.Unix()).UTC(), time.Unix(st.Ctim.Unix()).UTC(),
	}
	wanted := facts{
		fileType(want.kind) | want.mode, uint32(os.Geteuid()), uint32(os.Getegid()), size, (size + 511) / 512, nlink,
		mtime, mtime, mtime,
	}
	if got != wanted {
		t.Errorf("stat %q:\n got %+v\nwant %+v", path, got, wanted)
	}
}

func modeType(k manifest.Kind) os.FileMode {
	switch k {
	case manifest.Dir:
		return os.ModeDir
	case manifest.Symlink:
		return os.ModeSymlink
	}
	return 0
}

func TestMountShowsAVersionAsItWasPublished(t *testing.T) {
	f, want := newFake(), someTree()
	f.publish(t, someRef, want)
	at := filepath.Join(mountFake(t, f, Options{}), someRef)
	check(t, at, want)
	check(t, at, want) // now from the kernel's caches

	for _, name := range []string{"absent", "short/below", "bin/absent", strings.Repeat("n", 255)} {
		for range 2 {
			if _, err := os.Lstat(at + "/" + name); !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ENOTDIR) {
				t.Errorf("lstat %s: %v", name, err)
			}
		}
	}
	if _, err := os.Lstat(at + "/" + strings.Repeat("n", 256)); !errors.Is(err, syscall.ENAMETOOLONG) {
		t.Errorf("a name of 256 bytes: %v", err)
	}
}

func TestKernelKeepsWhatItKnowsOfAVersion(t *testing.T) {
	f, want := newFake(), someTree()
	f.publish(t, someRef, want)
	at := filepath.Join(mountFake(t, f, Options{}), someRef)
	pass := func() int {
		before := f.store.count()
		check(t, at, want)
		for range 10 {
			if _, err := os.Lstat(at + "/bin/absent"); !errors.Is(err, syscall.ENOENT) {
				t.Error(err)
			}
		}
		return f.store.count() - before
	}
	first := pass()
	if second := pass(); first == 0 || second != 0 {
		t.Errorf("%d chunks were read, then %d again", first, second)
	}
}

func TestProgramsRunFromTheMount(t *testing.T) {
	requireFUSE(t)
	cat, err := exec.LookPath("cat")
	if err != nil {
		t.Skip("no cat to publish: ", err)
	}
	binary, err := os.ReadFile(cat)
	if err != nil {
		t.Fatal(err)
	}
	f, tree := newFake(), someTree()
	tree.children["bin"].children["cat"] = file(0o755, string(binary))
	f.publish(t, someRef, tree)
	at := filepath.Join(mountFake(t, f, Options{}), someRef)

	// The shell stands between because a process that execs out of a mount
	// that it serves itself can deadlock.
	out, err := exec.Command("/bin/sh", "-c", `"$0/bin/cat" "$0/large" && "$0/bin/tool"`, at).Output()
	want := tree.children["large"].data + "run from " + at + "/bin/tool\n"
	if string(out) != want || err != nil {
		t.Errorf("got %d bytes, %v; want %d", len(out), err, len(want))
	}

	out, err = helper(t, "mmap", at+"/large").Output()
	if string(out) != tree.children["large"].data || err != nil {
		t.Errorf("mapped %d bytes, %v", len(out), err)
	}
}

func TestInodeNumbersAreTheSameAtEveryMount(t *testing.T) {
	f := newFake()
	f.publish(t, someRef, someTree())
	f.publish(t, "go/toolchain@1.27.0", someTree())
	f.tag("go/toolchain@latest", someRef)
	first, second := mountFake(t, f, Options{}), mountFake(t, f, Options{})

	inos := func(at string) map[string]uint64 {
		all := map[string]uint64{}
		err := filepath.WalkDir(at, func(path string, _ os.DirEntry, err error) error {
			var st syscall.Stat_t
			if err == nil {
				err = syscall.Lstat(path, &st)
			}
			all[strings.TrimPrefix(path, at)] = st.Ino
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	a, b := inos(first), inos(second)
	if !maps.Equal(a, b) {
		t.Errorf("one mount has %v, the other %v", a, b)
	}
	seen := map[uint64]string{}
	for path, ino := range a {
		if other, ok := seen[ino]; ok || ino == 0 || ino == rootIno && path != "" {
			t.Errorf("%q and %q have number %d", path, other, ino)
		}
		seen[ino] = path
	}

	ref, err := registry.ParseRef(someRef + ":bin")
	if err != nil {
		t.Fatal(err)
	}
	for path, ino := range inos(mountFake(t, f, Options{Ref: &ref})) {
		if want := a["/"+someRef+"/bin"+path]; path != "" && ino != want {
			t.Errorf("mounted alone, %q has number %d, not %d", path, ino, want)
		}
	}
}

func TestConcurrentReadersGetTheSameBytes(t *testing.T) {
	f, want := newFake(), someTree()
	f.publish(t, someRef, want)
	at := filepath.Join(mountFake(t, f, Options{}), someRef)
	large := want.children["large"].data
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			check(t, at, want)
			file, err := os.Open(at + "/large")
			if err != nil {
				t.Error(err)
				return
			}
			defer file.Close()
			r := rand.New(rand.NewPCG(uint64(i), 0))
			for range 50 {
				b := make([]byte, 1+r.IntN(9000))
				off := r.IntN(len(large))
				n, err := file.ReadAt(b, int64(off))
				if err != nil && err != io.EOF || string(b[:n]) != large[off:min(off+len(b), len(large))] {
					t.Errorf("read %d at %d: %d, %v", len(b), off, n, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestModesHoldForOtherUsers(t *testing.T) {
	requireFUSE(t)
	if os.Geteuid() != 0 {
		t.Skip("needs root to become another user")
	}
	f, tree := newFake(), someTree()
	tree.children["private"] = &thing{kind: manifest.Dir, mode: 0o700, mtime: someTime, children: map[string]*thing{"x": file(0o644, "x")}}
	f.publish(t, someRef, tree)
	at := t.TempDir()
	for d := at; d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mountAt(t, at, f, Options{AllowOther: true})
	for name, allowed := range map[string]bool{"short": true, "old": false, "locked": false, "private/x": false} {
		cat := exec.Command("/bin/cat", filepath.Join(at, someRef, name))
		cat.Dir = "/"
		cat.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if err := cat.Run(); (err == nil) != allowed {
			t.Errorf("another user reads %s: %v", name, err)
		}
	}
}
