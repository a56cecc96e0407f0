package fusefs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
)

// requireFUSE skips where nothing can be mounted, or fails there if the
// environment says that this must not be.
func requireFUSE(t testing.TB) {
	t.Helper()
	reason := ""
	if dev, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		reason = err.Error()
	} else {
		dev.Close()
	}
	if _, err := exec.LookPath(fusermount); err != nil && os.Geteuid() != 0 {
		reason = "neither root nor " + fusermount
	}
	switch {
	case reason == "":
	case strings.Contains(os.Getenv("AFS_TEST_REQUIRE"), "fuse"):
		t.Fatal(reason)
	default:
		t.Skip(reason)
	}
}

// memory is a source and a sink.
type memory struct {
	mu     sync.Mutex
	chunks map[chunker.Kind]map[chunker.ID][]byte
	reads  int // how often Chunk was called
}

func newMemory() *memory { return &memory{chunks: map[chunker.Kind]map[chunker.ID][]byte{}} }

func (m *memory) put(kind chunker.Kind, data []byte) chunker.ID {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.chunks[kind] == nil {
		m.chunks[kind] = map[chunker.ID][]byte{}
	}
	id := kind.Sum(data)
	m.chunks[kind][id] = slices.Clone(data)
	return id
}

func (m *memory) PutNode(_ context.Context, kind chunker.Kind, data []byte, _ []chunker.ID) (chunker.ID, error) {
	return m.put(kind, data), nil
}

func (m *memory) Chunk(_ context.Context, kind chunker.Kind, id chunker.ID) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	b, ok := m.chunks[kind][id]
	if !ok {
		return nil, fmt.Errorf("chunk %s: %w", id, fs.ErrNotExist)
	}
	return b, nil
}

func (m *memory) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reads
}

// lose drops everything of a kind.
func (m *memory) lose(kind chunker.Kind) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.chunks, kind)
}

// thing is a file, a directory (with children) or a symbolic link, as a test
// wants it.
type thing struct {
	kind     manifest.Kind
	mode     uint32
	mtime    time.Time
	data     string
	target   string
	children map[string]*thing

	owner  manifest.Owner
	xattrs []manifest.Xattr
	links  manifest.Links
}

var someTime = time.Date(2024, 2, 29, 12, 30, 15, 123456789, time.UTC)

func file(mode uint32, data string) *thing {
	return &thing{kind: manifest.File, mode: mode, mtime: someTime, data: data}
}

func link(target string) *thing {
	return &thing{kind: manifest.Symlink, mode: 0o777, mtime: someTime.Add(time.Nanosecond), target: target}
}

func dir(children map[string]*thing) *thing {
	return &thing{kind: manifest.Dir, mode: 0o755, mtime: someTime.Add(time.Hour), children: children}
}

// pieceSize is the length of the chunks that tests cut.
const pieceSize = 1 << 10

func (th *thing) entry(name string) manifest.Entry {
	return manifest.Entry{
		Name: name, Kind: th.kind, Exec: th.kind == manifest.File && th.mode&0o111 != 0, Target: th.target,
		Attr: manifest.Attr{Mode: th.mode, MTime: th.mtime, Owner: th.owner, Xattrs: th.xattrs, Links: th.links},
	}
}

// build writes the tree and returns its root.
func (m *memory) build(t testing.TB, top *thing) manifest.Root {
	t.Helper()
	b := manifest.NewBuilder(m)
	m.add(t, b, "", top)
	root, _, err := b.Root()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func (m *memory) add(t testing.TB, b *manifest.Builder, name string, th *thing) {
	t.Helper()
	ctx := t.Context()
	e := th.entry(name)
	var err error
	switch th.kind {
	case manifest.Dir:
		if err = b.Enter(ctx, e); err != nil {
			break
		}
		for _, name := range slices.Sorted(maps.Keys(th.children)) {
			m.add(t, b, name, th.children[name])
		}
		err = b.Leave(ctx)
	case manifest.Symlink:
		e.Size = int64(len(th.target))
		err = b.Add(ctx, e)
	case manifest.File:
		e.Content, e.Size = m.cut(t, th.data)
		err = b.Add(ctx, e)
	}
	if err != nil {
		t.Fatalf("build %q: %v", name, err)
	}
}

// cut stores a file's bytes; pieces of zeros become runs.
func (m *memory) cut(t testing.TB, data string) (manifest.Content, int64) {
	t.Helper()
	list := manifest.NewListBuilder(m)
	for piece := range slices.Chunk([]byte(data), pieceSize) {
		s := manifest.Segment{Length: int64(len(piece))}
		if strings.Trim(string(piece), "\x00") != "" {
			s.ID = m.put(chunker.Data, piece)
		}
		if err := list.Add(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	c, size, err := list.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c, size
}

// fake is a registry that tests change while it is mounted.
type fake struct {
	store *memory

	mu       sync.Mutex
	versions map[string]registry.Version // by reference; drafts too
	tags     map[string]string           // reference → version
	failure  error                       // of every call, if set
	trees    int                         // how often Tree was called
}

func newFake() *fake {
	return &fake{store: newMemory(), versions: map[string]registry.Version{}, tags: map[string]string{}}
}

func (f *fake) publish(t testing.TB, ref string, top *thing) {
	t.Helper()
	f.add(t, ref, top, registry.Published)
}

func (f *fake) add(t testing.TB, ref string, top *thing, state registry.State) {
	t.Helper()
	r, err := registry.ParseRef(ref)
	if err != nil {
		t.Fatal(err)
	}
	root := f.store.build(t, top)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.versions[ref] = registry.Version{Ref: r, State: state, Root: root, Time: someTime}
}

func (f *fake) tag(ref, version string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tags[ref] = version
}

func (f *fake) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failure = err
}

// names is the whole registry by path. It lists drafts, which a mount must
// not show all the same.
func (f *fake) names() (map[string]registry.Name, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[string]registry.Name{"": {Kind: registry.Group}}
	for ref, v := range f.versions {
		all[ref] = registry.Name{Path: ref, Kind: registry.VersionName, Version: &v}
		for i := range ref {
			if ref[i] == '/' {
				all[ref[:i]] = registry.Name{Path: ref[:i], Kind: registry.Group}
			}
		}
	}
	for ref, version := range f.tags {
		v := f.versions[version]
		all[ref] = registry.Name{Path: ref, Kind: registry.TagName, Version: &v}
	}
	return all, f.failure
}

func (f *fake) Name(_ context.Context, path string) (registry.Name, error) {
	all, err := f.names()
	if err != nil {
		return registry.Name{}, err
	}
	n, ok := all[path]
	if !ok {
		return n, fmt.Errorf("name %s: %w", path, registry.ErrNotFound)
	}
	return n, nil
}

func (f *fake) Names(_ context.Context, under string) iter.Seq2[registry.Name, error] {
	return func(yield func(registry.Name, error) bool) {
		all, err := f.names()
		if err != nil {
			yield(registry.Name{}, err)
			return
		}
		byPath := func(a, b registry.Name) int { return cmp.Compare(a.Path, b.Path) }
		for _, n := range slices.SortedFunc(maps.Values(all), byPath) {
			inside := under == "" || strings.HasPrefix(n.Path, under+"/")
			rest := strings.TrimPrefix(strings.TrimPrefix(n.Path, under), "/")
			if inside && rest != "" && !strings.Contains(rest, "/") && !yield(n, nil) {
				return
			}
		}
	}
}

func (f *fake) Tree(ctx context.Context, ref registry.Ref) (manifest.Entry, manifest.Source, error) {
	f.mu.Lock()
	v, ok := f.versions[ref.String()]
	f.trees++
	f.mu.Unlock()
	if !ok {
		return manifest.Entry{}, nil, registry.ErrNotFound
	}
	e, err := manifest.RootEntry(ctx, f.store, v.Root)
	return e, f.store, err
}

// mountAt mounts at dir until the test ends.
func mountAt(t testing.TB, dir string, r Registry, o Options) *Server {
	t.Helper()
	requireFUSE(t)
	s, err := Mount(dir, r, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// mountFake mounts and returns where.
func mountFake(t testing.TB, r Registry, o Options) string {
	t.Helper()
	dir := t.TempDir()
	mountAt(t, dir, r, o)
	return dir
}

// refuse mounts, which must fail with want.
func refuse(t *testing.T, dir string, r Registry, o Options, want error) {
	t.Helper()
	s, err := Mount(dir, r, o)
	if err == nil {
		err = s.Unmount()
	}
	if !errors.Is(err, want) {
		t.Errorf("mount at %s: %v, want %v", dir, err, want)
	}
}
