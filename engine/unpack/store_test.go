package unpack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/source"
)

// memStore is a manifest's Sink and Source in memory.
type memStore struct {
	mu     sync.Mutex
	chunks map[chunker.ID][]byte

	onChunk func(kind chunker.Kind, id chunker.ID) error // may fail a read
}

func newMemStore() *memStore { return &memStore{chunks: map[chunker.ID][]byte{}} }

func (m *memStore) put(kind chunker.Kind, b []byte) chunker.ID {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := kind.Sum(b)
	m.chunks[id] = bytes.Clone(b)
	return id
}

func (m *memStore) PutNode(_ context.Context, kind chunker.Kind, b []byte, _ []chunker.ID) (chunker.ID, error) {
	return m.put(kind, b), nil
}

func (m *memStore) Chunk(ctx context.Context, kind chunker.Kind, id chunker.ID) ([]byte, error) {
	if m.onChunk != nil {
		if err := m.onChunk(kind, id); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.chunks[id]
	if !ok {
		return nil, fmt.Errorf("chunk %s: %w", id, fs.ErrNotExist)
	}
	return b, ctx.Err()
}

// ingest takes a source into the store, in pieces of 4 KiB.
func (m *memStore) ingest(t testing.TB, s source.Source) manifest.Entry {
	t.Helper()
	v := &taker{t: t, m: m, b: manifest.NewBuilder(m), list: manifest.NewListBuilder(m)}
	must(t, s.Walk(t.Context(), v))
	_, e, err := v.b.Root()
	must(t, err)
	return e
}

func (m *memStore) dir(t testing.TB, path string) manifest.Entry {
	return m.ingest(t, source.Dir(path, source.Options{}))
}

type taker struct {
	t    testing.TB
	m    *memStore
	b    *manifest.Builder
	list *manifest.ListBuilder
}

func (v *taker) Enter(e manifest.Entry) error   { return v.b.Enter(v.t.Context(), e) }
func (v *taker) Leave() error                   { return v.b.Leave(v.t.Context()) }
func (v *taker) Symlink(e manifest.Entry) error { return v.b.Add(v.t.Context(), e) }
func (v *taker) Stored(e manifest.Entry) error  { return v.b.Add(v.t.Context(), e) }
func (v *taker) Problem(r source.Report)        { v.t.Errorf("%s: %s", r.Path, r.Reason) }
func (v *taker) Skipped(r source.Report)        { v.t.Errorf("%s was skipped", r.Path) }

func (v *taker) File(e manifest.Entry, _ source.Identity, body source.Body) error {
	defer body.Release()
	r, err := body.Open()
	must(v.t, err)
	defer r.Close()
	e.Content, e.Size, err = v.Content("", r)
	must(v.t, err)
	return v.Stored(e)
}

func (v *taker) Content(_ string, r io.Reader) (manifest.Content, int64, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return manifest.Content{}, 0, err
	}
	v.list.Reset()
	for piece := range slices.Chunk(b, 4<<10) {
		s := manifest.Segment{Length: int64(len(piece))}
		if !allZero(piece) {
			s.ID = v.m.put(chunker.Data, piece)
		}
		if err := v.list.Add(v.t.Context(), s); err != nil {
			return manifest.Content{}, 0, err
		}
	}
	return v.list.Finish(v.t.Context())
}

// tree makes files: "dir/" is a directory, "name -> target" a link, "name=text"
// a file.
func tree(t testing.TB, root string, names ...string) string {
	t.Helper()
	for _, name := range names {
		link, target, isLink := strings.Cut(name, " -> ")
		file, text, _ := strings.Cut(name, "=")
		switch {
		case isLink:
			must(t, os.MkdirAll(filepath.Dir(filepath.Join(root, link)), 0o755))
			must(t, os.Symlink(target, filepath.Join(root, link)))
		case strings.HasSuffix(name, "/"):
			must(t, os.MkdirAll(filepath.Join(root, name), 0o755))
		default:
			must(t, os.MkdirAll(filepath.Dir(filepath.Join(root, file)), 0o755))
			must(t, os.WriteFile(filepath.Join(root, file), []byte(text), 0o644))
		}
	}
	return root
}

// oddTree is a tree with all that is hard to restore.
func oddTree(t testing.TB) string {
	t.Helper()
	root := tree(t, t.TempDir(), "a=text", "empty=", "bad\xff=x", "line\nbreak=y", strings.Repeat("n", 255)+"=long",
		"dir/sub/deep=z", "void/", "l -> dir", "dangling -> nowhere", "loop -> loop", "run=#!", "locked/inside=1", "none=2",
		"zeros="+strings.Repeat("\x00", 50_000), "holes="+strings.Repeat("\x00", 20_000)+"data"+strings.Repeat("\x00", 20_000),
		"large="+strings.Repeat("0123456789", 20_000))
	old := time.Date(1955, 11, 5, 6, 15, 0, 987654321, time.UTC)
	none := os.FileMode(0)
	if os.Geteuid() != 0 {
		none = 0o400 // others than root could not read it
	}
	for name, mode := range map[string]os.FileMode{"run": 0o750, "none": none, "locked/inside": 0o400, "locked": 0o500, "void": 0o711} {
		must(t, os.Chtimes(filepath.Join(root, name), old, old))
		must(t, os.Chmod(filepath.Join(root, name), mode))
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(root, "locked"), 0o700) })
	must(t, os.Chtimes(root, old, old))
	must(t, os.Chmod(root, 0o751))
	return root
}

// xattrs lists the extended attributes of a file or directory.
func xattrs(t testing.TB, path string) string {
	t.Helper()
	buf := make([]byte, 64<<10)
	n, err := unix.Listxattr(path, buf)
	if errors.Is(err, unix.ENOTSUP) {
		return ""
	}
	must(t, err)
	var all []string
	for name := range strings.SplitSeq(string(buf[:n]), "\x00") {
		if name == "" {
			continue
		}
		value := make([]byte, 64<<10)
		n, err := unix.Getxattr(path, name, value)
		must(t, err)
		all = append(all, fmt.Sprintf(" %q=%q", name, value[:n]))
	}
	slices.Sort(all)
	return strings.Join(all, "")
}

// snapshot describes all that is under root, and root itself.
func snapshot(t testing.TB, root string) map[string]string {
	t.Helper()
	out, inodes := map[string]string{}, map[uint64]string{}
	must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		st := info.Sys().(*syscall.Stat_t)
		desc := fmt.Sprint(info.Mode(), " ", info.ModTime().UnixNano(), " ", st.Uid, ":", st.Gid)
		if first, shared := inodes[st.Ino]; shared {
			desc += " = " + first
		} else {
			inodes[st.Ino] = rel
		}
		if d.Type()&fs.ModeSymlink == 0 {
			desc += xattrs(t, path)
		}
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			desc += " -> " + target
		case d.Type().IsRegular():
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			desc += fmt.Sprintf(" %d %s", len(b), chunker.Sum(b))
		}
		out[rel] = desc
		return nil
	}))
	return out
}

func sameTree(t testing.TB, got, want string) {
	t.Helper()
	g, w := snapshot(t, got), snapshot(t, want)
	for path := range w {
		if g[path] != w[path] {
			t.Errorf("%q is %q, want %q", path, g[path], w[path])
		}
	}
	for path := range g {
		if _, ok := w[path]; !ok {
			t.Errorf("%q is there and should not be", path)
		}
	}
}

// actions collects what Report is told.
type actions struct{ list []string }

func (a *actions) report(action, path string) { a.list = append(a.list, action+" "+path) }

func (a *actions) sorted() []string {
	slices.Sort(a.list)
	return a.list
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var errBroken = errors.New("broken")
