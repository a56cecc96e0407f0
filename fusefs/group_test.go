package fusefs

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/engine/registry"
)

func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestMountMirrorsReferences(t *testing.T) {
	f, tree := newFake(), dir(map[string]*thing{"f": file(0o644, "x")})
	for _, ref := range []string{"go/toolchain@1.26.0", "go/toolchain/src@1", "npm/@babel/core@7.0.0", "npm/left-pad@1.3.0"} {
		f.publish(t, ref, tree)
	}
	f.tag("npm/@babel/core@latest", "npm/@babel/core@7.0.0")
	at := mountFake(t, f, Options{Started: someTime})
	for path, want := range map[string][]string{
		"":                       {"go", "npm"},
		"go":                     {"toolchain", "toolchain@1.26.0"},
		"go/toolchain":           {"src@1"},
		"npm":                    {"@babel", "left-pad@1.3.0"},
		"npm/@babel":             {"core@7.0.0", "core@latest"},
		"npm/@babel/core@latest": {"f"},
	} {
		if got := list(t, filepath.Join(at, path)); !slices.Equal(got, want) {
			t.Errorf("%q holds %q, want %q", path, got, want)
		}
	}
	var st syscall.Stat_t
	if err := syscall.Lstat(at+"/npm", &st); err != nil {
		t.Fatal(err)
	}
	if st.Mode != syscall.S_IFDIR|0o555 || st.Nlink != 4 || !time.Unix(st.Mtim.Unix()).Equal(someTime) {
		t.Errorf("a group has mode %o, %d links, time %v", st.Mode, st.Nlink, time.Unix(st.Mtim.Unix()))
	}
	if err := syscall.Lstat(at+"/npm/@babel", &st); err != nil || st.Nlink != 3 {
		t.Errorf("a group with a version and a tag has %d links, %v; want 3", st.Nlink, err)
	}
	for _, absent := range []string{"nothing", "npm/core@7.0.0", "go/toolchain@2", "npm/@babel/core", "a b", "npm/\xff"} {
		if _, err := os.Lstat(filepath.Join(at, absent)); !errors.Is(err, syscall.ENOENT) {
			t.Errorf("%q: %v", absent, err)
		}
	}
}

func TestTagsAreLinksThatFollowAChange(t *testing.T) {
	f := newFake()
	f.publish(t, "go/toolchain@1.26.0", dir(map[string]*thing{"f": file(0o644, "old")}))
	f.publish(t, "go/toolchain@1.27.0-rc1", dir(map[string]*thing{"f": file(0o644, "new")}))
	at := mountFake(t, f, Options{})
	for range 2 {
		for version, want := range map[string]string{"1.26.0": "old", "1.27.0-rc1": "new"} {
			f.tag("go/toolchain@latest", "go/toolchain@"+version)
			link := at + "/go/toolchain@latest"
			target, err := os.Readlink(link)
			if target != "toolchain@"+version || err != nil {
				t.Errorf("the tag points at %q, %v", target, err)
			}
			if data, err := os.ReadFile(link + "/f"); string(data) != want || err != nil {
				t.Errorf("behind the tag is %q, %v; want %q", data, err, want)
			}
			if info, err := os.Lstat(link); err != nil || info.Size() != int64(len(target)) || info.Mode() != os.ModeSymlink|0o777 {
				t.Errorf("the tag is %v, %v", info, err)
			}
		}
	}
}

func TestWhatIsPublishedLaterAppears(t *testing.T) {
	f, tree := newFake(), dir(map[string]*thing{"f": file(0o644, "x")})
	f.publish(t, "go/toolchain@1", tree)
	var passed atomic.Int64
	at := mountFake(t, f, Options{Now: func() time.Time { return someTime.Add(time.Duration(passed.Load())) }})
	open, err := os.Open(at + "/go")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if got := list(t, at+"/go"); !slices.Equal(got, []string{"toolchain@1"}) {
		t.Fatalf("before: %q", got)
	}
	if _, err := os.Lstat(at + "/go/toolchain@2"); !errors.Is(err, syscall.ENOENT) {
		t.Fatal(err)
	}
	if _, err := os.Lstat(at + "/npm"); !errors.Is(err, syscall.ENOENT) {
		t.Fatal(err)
	}

	f.publish(t, "go/toolchain@2", tree)
	f.publish(t, "npm/left-pad@1", tree)
	passed.Store(int64(countAge))

	for _, path := range []string{"/go/toolchain@2/f", "/npm/left-pad@1/f"} {
		if data, err := os.ReadFile(at + path); string(data) != "x" || err != nil {
			t.Errorf("%s: %q, %v", path, data, err)
		}
	}
	if got, err := open.Readdirnames(-1); !slices.Equal(got, []string{"toolchain@1", "toolchain@2"}) || err != nil {
		t.Errorf("in a directory opened before: %q, %v", got, err)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(at+"/go", &st); err != nil || st.Nlink != 4 {
		t.Errorf("the group has %d links, %v; want 4", st.Nlink, err)
	}
}

func TestDraftsAndTombstonedVersionsAreUnseen(t *testing.T) {
	f, tree := newFake(), dir(map[string]*thing{"f": file(0o644, "x")})
	f.publish(t, "go/toolchain@1", tree)
	f.add(t, "go/toolchain@2", tree, registry.Draft)
	f.add(t, "go/toolchain@3", tree, registry.Tombstoned)
	f.tag("go/toolchain@next", "go/toolchain@2")
	at := mountFake(t, f, Options{})
	if got := list(t, at+"/go"); !slices.Equal(got, []string{"toolchain@1"}) {
		t.Errorf("listed: %q", got)
	}
	for _, hidden := range []string{"2", "3", "next"} {
		if _, err := os.Lstat(at + "/go/toolchain@" + hidden); !errors.Is(err, syscall.ENOENT) {
			t.Errorf("%s: %v", hidden, err)
		}
	}
	f.add(t, "go/toolchain@1", tree, registry.Tombstoned)
	if _, err := os.Lstat(at + "/go/toolchain@1"); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("tombstoned while mounted: %v", err)
	}
}

// The kernel may believe for a moment in what it has looked up.
func TestWhatIsTombstonedIsSoonUnseen(t *testing.T) {
	f, tree := newFake(), dir(map[string]*thing{"f": file(0o644, "x")})
	f.publish(t, "go/toolchain@1", tree)
	at := mountFake(t, f, Options{})
	if _, err := os.Lstat(at + "/go/toolchain@1/f"); err != nil {
		t.Fatal(err)
	}
	f.add(t, "go/toolchain@1", tree, registry.Tombstoned)
	for patience := 0; ; patience++ {
		_, err := os.Lstat(at + "/go/toolchain@1/f")
		if errors.Is(err, syscall.ENOENT) {
			return
		}
		if err != nil || patience == 1000 {
			t.Fatalf("it is still there: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestVersionInUseIsOpenedOnce(t *testing.T) {
	f := newFake()
	f.publish(t, someRef, someTree())
	at := mountFake(t, f, Options{})
	for range 5 {
		if _, err := os.ReadFile(filepath.Join(at, someRef, "short")); err != nil {
			t.Fatal(err)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.trees != 1 {
		t.Errorf("the version's tree was read %d times", f.trees)
	}
}

func TestGroupListingGoesOnBehindAName(t *testing.T) {
	f, tree := newFake(), dir(nil)
	for _, ref := range []string{"go/a@1", "go/b@1", "go/c/d@1"} {
		f.publish(t, ref, tree)
	}
	g := &groupNode{view: newView(t.Context(), f, Options{}.withDefaults()), path: "go"}
	var got []string
	for l, err := range g.list("a@1") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, l.name)
	}
	if want := []string{"b@1", "c"}; !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
}

func TestRegistryFailuresAreTranslated(t *testing.T) {
	f := newFake()
	f.publish(t, someRef, someTree())
	busy := errors.New("busy")
	at := mountFake(t, f, Options{Errno: func(err error) syscall.Errno {
		switch {
		case errors.Is(err, busy):
			return syscall.EBUSY
		case errors.Is(err, os.ErrNotExist):
			return syscall.ENOENT
		}
		return 0
	}})
	for failure, want := range map[error]error{
		busy:                 syscall.EBUSY,
		errors.New("other"):  syscall.EIO, // no translation
		os.ErrNotExist:       syscall.EIO, // something is lost, but not this name
		registry.ErrBadRef:   syscall.ENOENT,
		registry.ErrNotFound: syscall.ENOENT,
	} {
		f.fail(failure)
		if _, err := os.Lstat(at + "/go"); !errors.Is(err, want) {
			t.Errorf("%v becomes %v, want %v", failure, err, want)
		}
	}
	f.fail(nil)
	if got := list(t, at); !slices.Equal(got, []string{"go"}) {
		t.Errorf("afterwards: %q", got)
	}
}
