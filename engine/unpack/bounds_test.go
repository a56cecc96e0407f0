package unpack

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// TestDescriptorsAreBounded, however many directories and files there are.
func TestDescriptorsAreBounded(t *testing.T) {
	count := func() int {
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("no /proc here")
		}
		return len(fds)
	}
	for name, c := range map[string]struct {
		inEach int // files in each directory
		size   int
		limits limits
	}{
		"many directories":          {1, 10, limits{1 << 30, 9, 1 << 30, 1 << 30}},
		"many files in many pieces": {100, 9000, limits{1 << 30, 1 << 30, 9, 1 << 30}},
	} {
		var names []string
		for i := range 200 {
			names = append(names, fmt.Sprintf("d%d/f%d=", i/c.inEach, i)+strings.Repeat(string(rune('a'+i%26)), c.size))
		}
		m := newMemStore()
		root := m.dir(t, tree(t, t.TempDir(), names...))
		before := count()
		var most atomic.Int64
		m.onChunk = func(chunker.Kind, chunker.ID) error {
			if n := int64(count()); n > most.Load() {
				most.Store(n)
			}
			return nil
		}
		u := newUnpacker(t.Context(), shuffled{m}, Options{Workers: 2})
		u.limits = c.limits
		_, err := u.run(t.Context(), root, filepath.Join(t.TempDir(), "x"))
		must(t, err)
		if want := int64(before + (windowsAtOnce+1)*9 + 10); most.Load() > want {
			t.Errorf("%s: %d descriptors, want at most %d", name, most.Load(), want)
		}
	}
}

// TestLimitsFollowTheDescriptors that the process may have: windowsAtOnce+1 windows and
// as much again have room.
func TestLimitsFollowTheDescriptors(t *testing.T) {
	for n, want := range map[uint64]limits{256: tightLimits, 1024: tightLimits, 16383: tightLimits, 16384: wideLimits, 1 << 63: wideLimits} {
		l, reserve := limitsOf(n)
		if l != want {
			t.Errorf("%d: %+v", n, l)
		}
		if most := (windowsAtOnce + 1) * (l.open + l.places); most > reserve || want == wideLimits && uint64(2*reserve) > n {
			t.Errorf("%d: %d are reserved, %d may be taken", n, reserve, most)
		}
	}
	if dirfd.Limit() < 64 {
		t.Errorf("this process may have %d", dirfd.Limit())
	}
}

// TestOneTreeIsWide of those that one process writes at once.
func TestOneTreeIsWide(t *testing.T) {
	m := newMemStore()
	root := m.dir(t, tree(t, t.TempDir(), "a=1"))
	inner := false
	m.onChunk = func(chunker.Kind, chunker.ID) error {
		if !inner && wide.TryLock() {
			wide.Unlock()
			t.Error("a second one would be wide")
		}
		if !inner {
			inner = true
			_, err := Tree(t.Context(), m, root, filepath.Join(t.TempDir(), "y"), Options{})
			return err
		}
		return nil
	}
	_, err := Tree(t.Context(), m, root, filepath.Join(t.TempDir(), "x"), Options{})
	must(t, err)
	if !inner || !wide.TryLock() {
		t.Fatal("none was, or one still is")
	}
	wide.Unlock()
}

// heap is the memory in use after a collection, in bytes.
func heap() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

// wideTree is a directory of n files with an attribute each; longTree one file
// of n chunks, the same 8 bytes again and again.
func wideTree(t *testing.T, m *memStore, n int) manifest.Entry {
	return built(t, m, func(b *manifest.Builder, attr manifest.Attr, piece manifest.Segment) {
		attr.Xattrs = []manifest.Xattr{{Name: "user.x", Value: strings.Repeat("v", 500)}}
		for i := range n {
			e := manifest.Entry{Name: fmt.Sprintf("%07d", i), Kind: manifest.File, Size: 8, Attr: attr}
			e.Content.Segments = []manifest.Segment{piece}
			must(t, b.Add(t.Context(), e))
		}
	})
}

func longTree(t *testing.T, m *memStore, n int) manifest.Entry {
	return built(t, m, func(b *manifest.Builder, attr manifest.Attr, piece manifest.Segment) {
		list := manifest.NewListBuilder(m)
		list.Reset()
		for range n {
			must(t, list.Add(t.Context(), piece))
		}
		content, size, err := list.Finish(t.Context())
		must(t, err)
		must(t, b.Add(t.Context(), manifest.Entry{Name: "long", Kind: manifest.File, Size: size, Content: content, Attr: attr}))
	})
}

func built(t *testing.T, m *memStore, fill func(*manifest.Builder, manifest.Attr, manifest.Segment)) manifest.Entry {
	t.Helper()
	b := manifest.NewBuilder(m)
	attr := manifest.Attr{Mode: 0o755, MTime: time.Unix(1e9, 0)}
	must(t, b.Enter(t.Context(), manifest.Entry{Kind: manifest.Dir, Attr: attr}))
	fill(b, attr, manifest.Segment{ID: m.put(chunker.Data, []byte("8 bytes.")), Length: 8})
	must(t, b.Leave(t.Context()))
	_, root, err := b.Root()
	must(t, err)
	return root
}

// TestMemoryIsBounded, however many files a directory has and chunks a file.
// Files alone are planned only: making them takes longer and no more memory.
func TestMemoryIsBounded(t *testing.T) {
	n := 50_000
	if os.Getenv("AFS_TEST_SOAK") != "" {
		n = 1_000_000
	}
	for name, c := range map[string]struct {
		tree  func(*testing.T, *memStore, int) manifest.Entry
		n     int
		files int64
	}{"a wide directory": {wideTree, n, int64(n)}, "a long file": {longTree, 8 * n, 1}} {
		m := newMemStore()
		root := c.tree(t, m, c.n)
		before, most, steps := heap(), int64(0), 0
		step := func() { // called by one at a time
			if steps++; steps%(c.n/5) == 0 {
				most = max(most, heap()-before)
			}
		}
		res, err := Tree(t.Context(), m, root, filepath.Join(t.TempDir(), "x"), Options{
			DryRun: c.files > 1, Report: func(string, string) { step() }, Progress: func(_, _ int64) { step() },
		})
		must(t, err)
		if res.Files != c.files || res.Bytes != root.Summary.Bytes {
			t.Errorf("%s: %+v", name, res)
		}
		t.Logf("%s: %d bytes of memory", name, most)
		if most == 0 || most > 12<<20 {
			t.Errorf("%s: %d bytes of memory", name, most)
		}
	}
}
