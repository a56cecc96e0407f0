package source

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// identities walks s and returns what it says of files, by their paths in the
// walk.
type identities struct {
	nobody
	way []string
	all map[string]Identity
}

func (v *identities) Enter(e manifest.Entry) error {
	v.way = append(v.way, e.Name)
	return nil
}

func (v *identities) Leave() error {
	v.way = v.way[:len(v.way)-1]
	return nil
}

func (v *identities) File(e manifest.Entry, id Identity, b Body) error {
	b.Release()
	v.all[strings.Join(append(v.way[1:], e.Name), "/")] = id
	return nil
}

func identitiesOf(t *testing.T, s Source) map[string]Identity {
	t.Helper()
	v := &identities{all: map[string]Identity{}}
	must(t, s.Walk(t.Context(), v))
	return v.all
}

// realDir is a temporary directory without links in its path.
func realDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	return dir
}

func TestFilesHaveTheIdentityThatStatSays(t *testing.T) {
	dir := tree(t, realDir(t), "d/e/f", "g")
	must(t, os.Link(filepath.Join(dir, "g"), filepath.Join(dir, "d/h")))
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(dir, link))
	paths := func(p ...string) Source {
		s, err := Paths(p, Options{})
		must(t, err)
		return s
	}
	t.Chdir(dir)
	for name, s := range map[string]Source{
		"a directory":             Dir(dir, Options{}),
		"a relative path":         Dir(".", Options{}),
		"a path through a link":   Dir(link, Options{}),
		"files and directories":   paths("d", "g"),
		"files through a link":    paths(filepath.Join(link, "d"), filepath.Join(link, "g")),
		"one directory at a time": &dirSource{dir, Options{}, limits{names: 1, open: 1}},
	} {
		got := identitiesOf(t, s)
		for _, path := range []string{"d/e/f", "d/h", "g"} {
			at := filepath.Join(dir, path)
			info, err := dirfd.Stat(at)
			must(t, err)
			want := Identity{Path: at, Dev: info.Dev, Ino: info.Ino, Size: info.Size, MTime: info.MTime, CTime: info.CTime}
			if got[path] != want {
				t.Errorf("%s: %s is %+v, want %+v", name, path, got[path], want)
			}
		}
		if len(got) != 3 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A path goes by the name that the file has, not by the one it is shown under.
func TestAFileShownUnderAnotherNameKeepsItsPath(t *testing.T) {
	dir := tree(t, realDir(t), "target", "link -> target", "deep/x", "way -> deep")
	s, err := Paths([]string{filepath.Join(dir, "link"), filepath.Join(dir, "way")}, Options{})
	must(t, err)
	got := identitiesOf(t, s)
	if got["link"].Path != filepath.Join(dir, "target") || got["way/x"].Path != filepath.Join(dir, "deep/x") {
		t.Errorf("%v", got)
	}
}

func TestFilesTooFarDownHaveNoIdentity(t *testing.T) {
	name := strings.Repeat("n", 200)
	root := realDir(t)
	dir := openDir(t, root)
	want := 0
	for depth := range 30 {
		f, err := dir.OpenFile("f", os.O_CREATE|os.O_WRONLY, 0o600)
		must(t, err)
		must(t, f.Close())
		if len(root)+depth*(len(name)+1)+len("/f") <= pathMax {
			want++
		}
		must(t, dir.Mkdir(name, 0o700))
		next, err := dir.OpenDir(name)
		must(t, err)
		must(t, dir.Close())
		dir = next
	}
	must(t, dir.Close())
	got, known := identitiesOf(t, Dir(root, Options{})), 0
	for _, id := range got {
		if id != (Identity{}) {
			known++
		}
	}
	if len(got) != 30 || known != want || want == 30 {
		t.Errorf("%d of %d files have an identity, want %d of 30", known, len(got), want)
	}
}

func TestPathsBelowADirectory(t *testing.T) {
	for _, c := range [][3]string{
		{"/", "a", "/a"}, {"/a", "b", "/a/b"}, {"", "a", ""},
		{"/" + strings.Repeat("a", pathMax-3), "b", "/" + strings.Repeat("a", pathMax-3) + "/b"},
		{"/" + strings.Repeat("a", pathMax-2), "b", ""},
	} {
		if got := below(c[0], c[1]); got != c[2] {
			t.Errorf("%.20q and %q: %.20q", c[0], c[1], got)
		}
	}
}
