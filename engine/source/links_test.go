package source

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/filter"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// linkTree is a tree in which pairs "name", "first name" are one file.
func linkTree(t *testing.T) string {
	t.Helper()
	root := tree(t, t.TempDir(), "b/one", "single", "z", "l -> z")
	for _, link := range [][2]string{{"b/one", "a"}, {"b/one", "b/two"}, {"z", "y"}} {
		must(t, os.Link(filepath.Join(root, link[0]), filepath.Join(root, link[1])))
	}
	must(t, os.Link(filepath.Join(root, "single"), filepath.Join(t.TempDir(), "outside")))
	return root
}

// wantLinks compares groups, by their first names, and counts.
func (r *recorder) wantLinks(want map[string]manifest.Links) {
	r.t.Helper()
	for path, e := range r.entries {
		if e.Attr.Links != want[path] {
			r.t.Errorf("%q has %v, want %v", path, e.Attr.Links, want[path])
		}
	}
}

func group(first string, count uint32) manifest.Links {
	return manifest.Links{Group: manifest.LinkGroup(first), Count: count}
}

func TestNamesOfOneFileAreAGroup(t *testing.T) {
	root := linkTree(t)
	want := map[string]manifest.Links{
		"a": group("a", 3), "b/one": group("a", 3), "b/two": group("a", 3),
		"y": group("y", 2), "z": group("y", 2), "single": group("single", 2),
	}
	for range 2 { // a source may be walked again
		r := record(t, Dir(root, Options{}))
		r.wantProblems()
		r.wantLinks(want)
	}
	if b := record(t, Dir(root, Options{})).bodies; b["a"] != "b/one" || b["b/two"] != "b/one" {
		t.Errorf("contents %v", b)
	}
}

// TestFirstNameIsTheFirstThatIsTaken: what the filter leaves out names nothing.
func TestFirstNameIsTheFirstThatIsTaken(t *testing.T) {
	r := record(t, Dir(linkTree(t), Options{Filter: newFilter(t, filter.Options{Exclude: []string{"/a", "/y"}})}))
	r.wantLinks(map[string]manifest.Links{
		"b/one": group("b/one", 3), "b/two": group("b/one", 3), "z": group("z", 2), "single": group("single", 2),
	})
}

func TestGroupsReachAcrossPaths(t *testing.T) {
	root := linkTree(t)
	s, err := Paths([]string{filepath.Join(root, "b"), filepath.Join(root, "a")}, Options{})
	must(t, err)
	record(t, s).wantLinks(map[string]manifest.Links{"a": group("a", 3), "b/one": group("a", 3), "b/two": group("a", 3)})
}

func TestGroupsAreFoundAgainByDeviceAndInode(t *testing.T) {
	var l linkGroups
	defer l.close()
	dir := t.TempDir()
	for i := range 1000 {
		path := fmt.Sprint(i)
		links, err := l.of(dirfd.Info{Dev: 1, Ino: uint64(i), Links: 2}, func() string { return path }, Options{ScratchDir: dir})
		must(t, err)
		if links != group(path, 2) {
			t.Fatalf("%d has %v", i, links)
		}
	}
	links, err := l.of(dirfd.Info{Dev: 1, Ino: 7, Links: 2}, func() string { return "later" }, Options{ScratchDir: dir})
	must(t, err)
	if links != group("7", 2) {
		t.Errorf("found again as %v", links)
	}
	if links, _ := l.of(dirfd.Info{Dev: 2, Ino: 7, Links: 2}, func() string { return "other" }, Options{ScratchDir: dir}); links != group("other", 2) {
		t.Error("the same inode of another device is the same file")
	}
}

// TestTarGroupsAreThoseOfTheTree: the order of an archive does not matter, nor
// what later entries replace.
func TestTarGroupsAreThoseOfTheTree(t *testing.T) {
	r := recordTar(t, Options{}, "z=body", "m/n => z", "a => ./m/n", "other=x", "gone=y", "kept => gone", "gone=new", "swept/x=1", "s => swept/x", "swept=file",
		"l -> z", "l2 => l", "r=2", "r => r")
	r.wantProblems()
	r.wantLinks(map[string]manifest.Links{"a": group("a", 3), "m/n": group("a", 3), "z": group("a", 3)})
	if r.bodies["a"] != "body" || r.bodies["kept"] != "y" || r.bodies["gone"] != "new" {
		t.Errorf("contents %v", r.bodies)
	}
	again := record(t, Tar(bytes.NewReader(archive(t, "m/n=body", "z => m/n", "a => m/n", "other=x")), Options{}))
	for _, name := range []string{"a", "m/n", "z"} {
		if again.entries[name].Attr.Links != r.entries[name].Attr.Links {
			t.Errorf("%s has another group in another order", name)
		}
	}
	if !slices.Contains(r.lines, "l2 -> z") {
		t.Errorf("shown: %q", r.lines)
	}
}
