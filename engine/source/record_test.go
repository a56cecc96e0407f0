package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// recorder is a Visitor that writes down what it is shown, one line an entry,
// and checks that the walk keeps its promises.
type recorder struct {
	t        *testing.T
	lines    []string
	entries  map[string]manifest.Entry // by path
	bodies   map[string]string         // contents of files
	problems map[string]string
	skipped  []string
	way      []place
	depth    int // the greatest

	onFile func(path string, open func() (io.ReadCloser, error)) // instead of reading it all
	stored map[chunker.ID]string
}

// place is a directory with the last name shown in it.
type place struct{ name, last string }

func record(t *testing.T, s Source) *recorder {
	t.Helper()
	r := newRecorder(t)
	r.walk(s)
	return r
}

func newRecorder(t *testing.T) *recorder {
	return &recorder{t: t, entries: map[string]manifest.Entry{}, bodies: map[string]string{}, problems: map[string]string{}, stored: map[chunker.ID]string{}}
}

func (r *recorder) walk(s Source) {
	r.t.Helper()
	if err := s.Walk(context.Background(), r); err != nil {
		r.t.Fatalf("walk: %v", err)
	}
	if len(r.way) != 0 {
		r.t.Fatalf("the walk ended in %v", r.way)
	}
}

func (r *recorder) path(name string) string {
	var segs []string
	for _, p := range r.way[min(1, len(r.way)):] {
		segs = append(segs, p.name)
	}
	return strings.Join(append(segs, name), "/")
}

// add checks the order and writes an entry down.
func (r *recorder) add(e manifest.Entry, line string) {
	if len(r.way) > 0 {
		at := &r.way[len(r.way)-1]
		if e.Name <= at.last {
			r.t.Errorf("%q was shown after %q", e.Name, at.last)
		}
		at.last = e.Name
	}
	path := r.path(e.Name)
	r.entries[path] = e
	r.lines = append(r.lines, path+line)
}

func (r *recorder) Enter(e manifest.Entry) error {
	if len(r.way) > 0 || e.Name != "" {
		r.add(e, "/")
	} else {
		r.entries[""] = e
	}
	r.way = append(r.way, place{name: e.Name})
	r.depth = max(r.depth, len(r.way))
	return nil
}

func (r *recorder) Leave() error {
	r.way = r.way[:len(r.way)-1]
	return nil
}

func (r *recorder) Symlink(e manifest.Entry) error {
	r.add(e, " -> "+e.Target)
	return nil
}

func (r *recorder) File(e manifest.Entry, id Identity, b Body) error {
	defer b.Release()
	open := b.Open
	r.add(e, "")
	path := r.path(e.Name)
	if r.onFile != nil {
		r.onFile(path, open)
		return nil
	}
	body, err := readAll(open)
	if err != nil {
		r.Problem(Report{path, Reason(err)})
		return nil
	}
	r.bodies[path] = body
	return nil
}

func (r *recorder) Content(path string, in io.Reader) (manifest.Content, int64, error) {
	b, err := io.ReadAll(in)
	id := chunker.Sum(b)
	r.stored[id] = string(b)
	c := manifest.Content{}
	if len(b) > 0 {
		c.Segments = []manifest.Segment{{ID: id, Length: int64(len(b))}}
	}
	return c, int64(len(b)), err
}

func (r *recorder) Stored(e manifest.Entry) error {
	r.add(e, "")
	body := ""
	for _, s := range e.Content.Segments {
		body += r.stored[s.ID]
	}
	r.bodies[r.path(e.Name)] = body
	if int64(len(body)) != e.Size {
		r.t.Errorf("%s: %d bytes stored, size %d", r.path(e.Name), len(body), e.Size)
	}
	return nil
}

func (r *recorder) Problem(p Report) { r.problems[p.Path] = p.Reason }
func (r *recorder) Skipped(p Report) { r.skipped = append(r.skipped, p.Path) }

// want compares what was written down.
func (r *recorder) want(lines ...string) {
	r.t.Helper()
	if !slices.Equal(r.lines, lines) {
		r.t.Errorf("shown:\n %q\nwant:\n %q", r.lines, lines)
	}
}

// wantProblems compares the problems, each "path: part of the reason".
func (r *recorder) wantProblems(want ...string) {
	r.t.Helper()
	if len(r.problems) != len(want) {
		r.t.Errorf("problems %v, want %v", r.problems, want)
	}
	for _, w := range want {
		path, reason, _ := strings.Cut(w, ": ")
		if got, ok := r.problems[path]; !ok || !strings.Contains(got, reason) {
			r.t.Errorf("problem with %q: %q, want %q", path, got, reason)
		}
	}
}

func readAll(open func() (io.ReadCloser, error)) (string, error) {
	in, err := open()
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(in)
	return string(b), errors.Join(err, in.Close())
}

// tree makes files: "dir/" is a directory, "name -> target" a link, anything
// else a file with its own path as content.
func tree(t *testing.T, root string, names ...string) string {
	t.Helper()
	for _, name := range names {
		link, target, isLink := strings.Cut(name, " -> ")
		path := filepath.Join(root, link)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		switch {
		case isLink:
			must(t, os.Symlink(target, path))
		case strings.HasSuffix(name, "/"):
			must(t, os.MkdirAll(path, 0o755))
		default:
			must(t, os.WriteFile(path, []byte(name), 0o644))
		}
	}
	return root
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func names(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("%x-%d", i*2654435761%(1<<32), i))
	}
	return list
}
