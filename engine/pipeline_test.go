package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/artifortress/afs-engine/backends/fault"
	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/source"
	"github.com/artifortress/afs-engine/packfile"
)

// manySizes are files on both sides of every size at which files are handled
// differently, in an order that mixes them, with duplicates and zeros.
func manySizes() files {
	f := files{"empty": "", "zeros": strings.Repeat("\x00", 3<<20)}
	for i, n := range []int{1, 4095, 65_535, 65_536, 65_537, 300_000, 1<<20 - 1, 1 << 20, 1<<20 + 1, 5 << 20} {
		body := randomBytes(uint64(i), n)
		f[fmt.Sprintf("%d/a", i%3)+fmt.Sprint(i)] = body
		f[fmt.Sprintf("%d/copy", (i+1)%3)+fmt.Sprint(i)] = body
		f[fmt.Sprintf("%d/%d/mixed", i%3, i)] = body[:n/2] + f["zeros"][:n/3] + body[n/2:]
	}
	for i := range 500 {
		f[fmt.Sprintf("small/%d", i)] = randomBytes(uint64(1000+i), i*7)
	}
	return f
}

// TestPacksFollowTheWalk compares the chunks of packs, in order, between
// ingests with one processor and with many: who works on what, and when, must
// not show.
func TestPacksFollowTheWalk(t *testing.T) {
	tree := manySizes()
	chunks := func(procs int) map[packfile.Class][]chunker.ID {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		w := newWorld(t) // with packs large enough for all of it
		w.ingest("x/y@1", tree)
		w.expect("x/y@1", tree)
		got := map[packfile.Class][]chunker.ID{}
		for info, err := range w.store.List(t.Context(), packfile.Prefix) {
			if err != nil {
				t.Fatal(err)
			}
			id, err := packfile.ParseKey(info.Key)
			if err != nil {
				t.Fatal(err)
			}
			x, err := packfile.ReadIndex(t.Context(), w.store, id, info.Size)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range x.Entries {
				got[x.Class] = append(got[x.Class], e.ID)
			}
		}
		return got
	}
	want := chunks(1)
	if len(want[packfile.ClassData]) < 500 || len(want[packfile.ClassMeta]) < 10 {
		t.Fatalf("%d data chunks and %d nodes are no test", len(want[packfile.ClassData]), len(want[packfile.ClassMeta]))
	}
	for range 5 {
		if got := chunks(8); !reflect.DeepEqual(got, want) {
			t.Fatal("the order of chunks is another with more processors")
		}
	}
}

// counted is a source whose bodies are counted.
type counted struct {
	files
	opened, closed, released, bodies atomic.Int64
	fail                             error          // of Walk, at its end
	announce                         map[string]int // sizes, where they are other ones
}

func (s *counted) Walk(ctx context.Context, v source.Visitor) error {
	if err := s.files.Walk(ctx, countingVisitor{v, s}); err != nil {
		return err
	}
	return s.fail
}

type countingVisitor struct {
	source.Visitor
	s *counted
}

func (v countingVisitor) File(e manifest.Entry, id source.Identity, b source.Body) error {
	v.s.bodies.Add(1)
	if n, ok := v.s.announce[e.Name]; ok {
		e.Size = int64(n)
	}
	return v.Visitor.File(e, id, &countedBody{b, v.s})
}

type countedBody struct {
	source.Body
	s *counted
}

func (b *countedBody) Open() (io.ReadCloser, error) {
	r, err := b.Body.Open()
	b.s.opened.Add(1)
	return countedReader{r, b.s}, err
}

func (b *countedBody) Release() { b.s.released.Add(1); b.Body.Release() }

type countedReader struct {
	io.Reader
	s *counted
}

func (r countedReader) Close() error { r.s.closed.Add(1); return nil }

var errWalk = errors.New("the walk broke off")

// TestWhatAnIngestOpensItCloses ends ingests in every way, and counts.
func TestWhatAnIngestOpensItCloses(t *testing.T) {
	tree := manySizes()
	for name, how := range map[string]struct {
		walk error
		put  int // the put that fails; 0: none
		want error
	}{
		"to its end":               {},
		"the walk breaks off":      {walk: errWalk, want: errWalk},
		"the first put fails":      {put: 1, want: syscall.ENOSPC},
		"a put on the way fails":   {put: 4, want: syscall.ENOSPC},
		"walk and store both fail": {walk: errWalk, put: 2, want: syscall.ENOSPC},
	} {
		t.Run(name, func(t *testing.T) {
			s := fault.New(mem.New())
			w := worldOn(t, s, engine.Settings{PackSize: 1 << 20})
			src := &counted{files: tree, fail: how.walk}
			if how.put > 0 {
				s.Set(fault.Rule{Op: fault.Put, Skip: how.put - 1, Do: fault.Fail(syscall.ENOSPC)})
			}
			_, err := w.Ingest(t.Context(), engine.IngestRequest{Source: src, Ref: mustRef(t, "x/y@1")})
			if !errors.Is(err, how.want) {
				t.Errorf("error %v, want %v", err, how.want)
			}
			if b, r := src.bodies.Load(), src.released.Load(); b != r || b == 0 {
				t.Errorf("%d of %d bodies were released", r, b)
			}
			if o, c := src.opened.Load(), src.closed.Load(); o != c {
				t.Errorf("%d of %d readers were closed", c, o)
			}
			s.Set()
			w.ingest("x/y@2", tree)
			w.expect("x/y@2", tree)
		})
	}
}

// TestAFileOfAnotherLengthHasChanged reads files that are longer or shorter
// than the walk said.
func TestAFileOfAnotherLengthHasChanged(t *testing.T) {
	for _, size := range []int{0, 65_536, 1 << 20, 3 << 20} {
		for _, more := range []int{-1, 1, 2 << 20} {
			if size+more < 0 {
				continue
			}
			w := newWorld(t)
			src := &counted{files: files{"a": "a", "f": randomBytes(1, size+more), "g": "g"}, announce: map[string]int{"f": size}}
			res, err := w.Ingest(t.Context(), engine.IngestRequest{Source: src, Ref: mustRef(t, "x/y@1"), AllowIncomplete: true})
			if err != nil {
				t.Fatal(err)
			}
			if len(res.Problems) != 1 || res.Problems[0].Path != "f" || !strings.Contains(res.Problems[0].Reason, "changed") {
				t.Errorf("announced %d, got %+d: problems %v", size, more, res.Problems)
			}
			w.expect("x/y@1", files{"a": "a", "g": "g"})
		}
	}
}
