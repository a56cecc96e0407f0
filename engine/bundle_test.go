package engine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/engine/known"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/source"
)

// askedStore counts how often it is asked, and notes what is put.
type askedStore struct {
	mu    sync.Mutex
	has   map[chunker.ID]bool
	calls int
	puts  []chunk
}

func (s *askedStore) known(_ context.Context, ids []chunker.ID, have []bool) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	for i, id := range ids {
		have[i] = s.has[id]
	}
	return uint64(s.calls), nil
}

func (s *askedStore) put(_ context.Context, c chunk) (bool, error) {
	c.data, c.deps = bytes.Clone(c.data), slices.Clone(c.deps)
	s.puts = append(s.puts, c)
	return true, nil
}

// askedFiles knows nothing.
type askedFiles struct {
	dataplane.Files
	mu          sync.Mutex
	calls, most int
}

func (f *askedFiles) Known(_ context.Context, ids []source.Identity, _ known.Trust, _ bool, found []dataplane.KnownFile) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	f.most = max(f.most, len(ids))
	clear(found)
	return nil
}

func (f *askedFiles) Learn(context.Context, []dataplane.LearntFile) error { return nil }

// walkOf is a source that is a function.
type walkOf func(v source.Visitor) error

func (w walkOf) Walk(_ context.Context, v source.Visitor) error {
	if err := v.Enter(manifest.Entry{Kind: manifest.Dir}); err != nil {
		return err
	}
	if err := w(v); err != nil {
		return err
	}
	return v.Leave()
}

func (walkOf) Measure(context.Context, func(files, bytes int64)) {}

type textBody string

func (b textBody) Open() (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(string(b))), nil
}

func (b textBody) Release() {}

func fileOf(v source.Visitor, name, text string) error {
	id := source.Identity{Path: "/" + name, Size: int64(len(text))}
	return v.File(manifest.Entry{Name: name, Kind: manifest.File, Size: int64(len(text))}, id, textBody(text))
}

func builds(t *testing.T, w walkOf) (*builder, *askedStore, *askedFiles) {
	t.Helper()
	s, f := &askedStore{}, &askedFiles{}
	r := &recall{files: f, now: time.Now}
	done := make(chan struct{})
	var b *builder
	var err error
	go func() {
		defer close(done)
		b, err = build(t.Context(), IngestRequest{Source: w}, building{params: chunker.DefaultParams, store: s, recall: r, memory: 32 << 20})
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("the walk and the builder wait for each other")
	}
	if err != nil {
		t.Fatal(err)
	}
	return b, s, f
}

// A question may go to another process: small files are asked for together.
func TestManySmallFilesAreFewQuestions(t *testing.T) {
	const n = 4000
	b, s, f := builds(t, func(v source.Visitor) error {
		for i := range n {
			if err := fileOf(v, fmt.Sprintf("%05d", i), fmt.Sprint("text of ", i)); err != nil {
				return err
			}
		}
		return nil
	})
	if b.files != n || len(s.puts) < n {
		t.Fatalf("%d files, %d chunks", b.files, len(s.puts))
	}
	if f.calls > n/20 || s.calls > n/20 || f.most > dataplane.FilesMax {
		t.Errorf("%d questions about files, of up to %d, and %d about chunks", f.calls, f.most, s.calls)
	}
}

// However a bundle that is being filled meets what the walk waits for, it gets
// to a worker.
func TestABundleIsHandedOverBeforeTheWalkWaits(t *testing.T) {
	const links = 3 * smallFiles
	b, _, _ := builds(t, func(v source.Visitor) error {
		if err := fileOf(v, "a", "first"); err != nil { // more events than the queue takes come behind it
			return err
		}
		for i := range links {
			if err := v.Symlink(manifest.Entry{Name: fmt.Sprintf("b%06d", i), Kind: manifest.Symlink, Target: "a"}); err != nil {
				return err
			}
		}
		for i := range 100 { // a small file, then one more large one than there are blocks
			if err := fileOf(v, fmt.Sprintf("c%03da", i), "small"); err != nil {
				return err
			}
			if err := fileOf(v, fmt.Sprintf("c%03db", i), strings.Repeat("x", 700_000)); err != nil {
				return err
			}
		}
		if err := fileOf(v, "d", "before a stream that is answered"); err != nil {
			return err
		}
		c, size, err := v.Content("e", strings.NewReader("stream"))
		if err != nil {
			return err
		}
		return v.Stored(manifest.Entry{Name: "e", Kind: manifest.File, Size: size, Content: c})
	})
	if b.files != 1+links+200+1+1 {
		t.Errorf("%d files", b.files)
	}
}

// The answer to a stream comes after all that is before it.
func TestABundleIsHandedOverBeforeAStreamIsAnswered(t *testing.T) {
	b, _, _ := builds(t, func(v source.Visitor) error {
		if err := fileOf(v, "a", "small"); err != nil {
			return err
		}
		c, size, err := v.Content("b", strings.NewReader("stream"))
		if err != nil {
			return err
		}
		return v.Stored(manifest.Entry{Name: "b", Kind: manifest.File, Size: size, Content: c})
	})
	if b.files != 2 {
		t.Errorf("%d files", b.files)
	}
}

// Nodes that are gathered come out in their order, whole, each once it is known
// to be absent.
func TestGatheredNodesKeepTheirOrder(t *testing.T) {
	s := &askedStore{has: map[chunker.ID]bool{}}
	n := &nodeSink{s: s}
	var want []string
	buf := make([]byte, 0, 64)
	for i := range 5*gatherNodes + 7 {
		buf = fmt.Appendf(buf[:0], "node %d", i) // the sink keeps no slice
		id := chunker.DirNode.Sum(buf)
		if i%3 == 0 {
			s.has[id] = true
		} else {
			want = append(want, string(buf))
		}
		if got, err := n.PutNode(t.Context(), chunker.DirNode, buf, []chunker.ID{id, {byte(i)}}); got != id || err != nil {
			t.Fatal(got, err)
		}
	}
	if err := n.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range s.puts {
		got = append(got, string(c.data))
		if c.id != chunker.DirNode.Sum(c.data) || len(c.deps) != 2 || c.deps[0] != c.id || c.asOf == 0 {
			t.Fatalf("%q is put as %+v", c.data, c)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d nodes were put, not %d, or in another order", len(got), len(want))
	}
	if s.calls != 6 {
		t.Errorf("%d questions", s.calls)
	}
}
