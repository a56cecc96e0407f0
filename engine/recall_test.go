package engine_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/backends/fault"
	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/known"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/source"
)

// tracked is a tree whose files are at /t, where nothing has touched them since
// touched (testTime, if it says nothing of a file). It counts the files that
// are opened.
type tracked struct {
	files
	touched map[string]time.Time
	opened  atomic.Int64
}

func (s *tracked) Walk(ctx context.Context, v source.Visitor) error {
	return s.files.Walk(ctx, &tracker{Visitor: v, s: s})
}

// tracker adds to a walk what tracked says of files.
type tracker struct {
	source.Visitor
	s   *tracked
	way []string
}

func (t *tracker) Enter(e manifest.Entry) error {
	t.way = append(t.way, e.Name)
	return t.Visitor.Enter(e)
}

func (t *tracker) Leave() error {
	t.way = t.way[:len(t.way)-1]
	return t.Visitor.Leave()
}

func (t *tracker) File(e manifest.Entry, _ source.Identity, b source.Body) error {
	path := strings.Join(append(t.way[1:], e.Name), "/")
	id := source.Identity{Path: "/t/" + path, Ino: uint64(len(path)), Size: int64(len(t.s.files[path])), MTime: testTime, CTime: testTime}
	if at, ok := t.s.touched[path]; ok {
		id.CTime = at
	}
	return t.Visitor.File(e, id, trackedBody{b, t.s})
}

// trackedBody counts how often it is opened.
type trackedBody struct {
	source.Body
	s *tracked
}

func (b trackedBody) Open() (io.ReadCloser, error) {
	b.s.opened.Add(1)
	return b.Body.Open()
}

// take ingests s and returns the result and how many files were opened.
func (w *world) take(ref string, s *tracked, change ...func(*engine.IngestRequest)) (*engine.IngestResult, int) {
	w.t.Helper()
	before := s.opened.Load()
	req := engine.IngestRequest{Source: s, Ref: mustRef(w.t, ref)}
	for _, f := range change {
		f(&req)
	}
	res, err := w.Ingest(w.t.Context(), req)
	if err != nil {
		w.t.Fatalf("ingest %s: %v", ref, err)
	}
	return res, int(s.opened.Load() - before)
}

// odd is a tree with every form that a file's content can have.
var odd = files{
	"README":    "hello\n",
	"empty":     "",
	"zeros":     strings.Repeat("\x00", 500_000),
	"mixed":     strings.Repeat("\x00", 500_000) + "end",
	"dir/large": randomBytes(3, 2_000_000), // a chunk list
	"dir/small": "s",
}

func TestUnchangedFilesAreNotReadAgain(t *testing.T) {
	w := newWorld(t)
	s := &tracked{files: odd}
	first, n := w.take("x/y@1", s)
	if n != len(odd) || first.KnownFiles != 0 {
		t.Fatalf("%d files were opened at first, %d were known", n, first.KnownFiles)
	}
	w.reopen()
	var p engine.Progress
	again, n := w.take("x/y@2", s, func(r *engine.IngestRequest) { r.Progress = &p })
	if n != 0 || again.KnownFiles != int64(len(odd)) {
		t.Errorf("%d files were opened again, %d were known", n, again.KnownFiles)
	}
	if again.Root != first.Root || again.Files != first.Files || again.Bytes != first.Bytes || again.Chunks != first.Chunks {
		t.Errorf("they count as %+v, having been read as %+v", again, first)
	}
	if p.Files.Load() != first.Files || p.Bytes.Load() != first.Bytes {
		t.Errorf("progress of %d files, %d bytes", p.Files.Load(), p.Bytes.Load())
	}
	if again.NewBytes != 0 || again.NewChunks != 0 || again.StoredBytes != 0 {
		t.Errorf("something was stored: %+v", again)
	}
	w.expect("x/y@2", odd)
	w.forget()
	w.expect("x/y@2", odd)
}

func TestTouchedAndNewFilesAreRead(t *testing.T) {
	w := newWorld(t)
	s := &tracked{files: odd}
	w.take("x/y@1", s)
	s = &tracked{files: maps.Clone(odd), touched: map[string]time.Time{"README": testTime.Add(time.Hour)}}
	s.files["README"], s.files["new"] = "HELLO\n", "new"
	res, n := w.take("x/y@2", s)
	if n != 2 || res.KnownFiles != int64(len(odd))-1 {
		t.Errorf("%d files were opened, %d were known", n, res.KnownFiles)
	}
	w.expect("x/y@2", s.files)
	w.expect("x/y@1", odd)
}

// A file is written, read, and written again before the clock of its file
// system ticks: all that stat says of it stays the same.
func TestARewriteWithinOneTickIsNotMissed(t *testing.T) {
	for _, rested := range []time.Duration{0, time.Millisecond, known.Settle - 1} {
		now := testTime.Add(rested)
		w := &world{t: t, store: mem.New(), dir: t.TempDir(), now: func() time.Time { return now }}
		if _, err := engine.Create(t.Context(), w.store, engine.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		w.open()
		w.take("x/y@1", &tracked{files: files{"f": "before"}})
		now = testTime.Add(time.Hour)
		w.take("x/y@2", &tracked{files: files{"f": "after!"}})
		w.expect("x/y@1", files{"f": "before"})
		w.expect("x/y@2", files{"f": "after!"})
		if res, n := w.take("x/y@3", &tracked{files: files{"f": "after!"}}); n != 0 || res.KnownFiles != 1 {
			t.Errorf("at rest for an hour, it is read again")
		}
		w.close()
	}
}

func TestHowFarTrustGoes(t *testing.T) {
	w := newWorld(t)
	trusting := func(t known.Trust) func(*engine.IngestRequest) {
		return func(r *engine.IngestRequest) { r.Trust = t }
	}
	w.take("x/y@1", &tracked{files: files{"f": "before"}})
	// The same path, time and size, as in a fresh checkout.
	fresh := &tracked{files: files{"f": "fresh!"}, touched: map[string]time.Time{"f": testTime.Add(time.Hour)}}
	if _, n := w.take("x/y@2", fresh, trusting(known.MTimeSize)); n != 0 {
		t.Error("trusting size and mtime, the file was read")
	}
	w.expect("x/y@2", files{"f": "before"}) // which is what it risks
	if _, n := w.take("x/y@3", fresh); n != 1 {
		t.Error("what was believed once has come to be known")
	}
	w.expect("x/y@3", fresh.files)
	// A change that no stat shows.
	hidden := &tracked{files: files{"f": "hidden"}, touched: fresh.touched}
	if _, n := w.take("x/y@4", hidden, trusting(known.Nothing)); n != 1 {
		t.Error("trusting nothing, the file was not read")
	}
	w.expect("x/y@4", hidden.files)
	if _, n := w.take("x/y@5", hidden); n != 0 {
		t.Error("the file is not known although it was read a moment ago")
	}
	w.expect("x/y@5", hidden.files)
}

func TestADryRunKnowsFilesAndLearnsNone(t *testing.T) {
	w := newWorld(t)
	dry := func(r *engine.IngestRequest) { r.DryRun = true }
	s := &tracked{files: odd}
	w.ingest("x/stored@1", odd) // by a source that has no identities
	for i := range 2 {
		w.ingest(fmt.Sprintf("x/other@%d", i), files{"f": fmt.Sprint(i)}) // writes what has been learnt
		if res, n := w.take("x/y@1", s, dry); n != len(odd) || res.KnownFiles != 0 {
			t.Fatalf("%d files were opened, %d known", n, res.KnownFiles)
		}
	}
	done, n := w.take("x/y@1", s)
	if n != len(odd) {
		t.Fatalf("a dry run has left %d files known", len(odd)-n)
	}
	res, n := w.take("x/y@2", s, dry)
	if n != 0 || res.Root != done.Root || res.Chunks != done.Chunks || res.NewBytes != 0 || res.NewChunks != 0 {
		t.Errorf("%d opened, %+v", n, res)
	}
}

func TestDraftsTakeKnownFiles(t *testing.T) {
	w := newWorld(t)
	draft := func(r *engine.IngestRequest) { r.Draft = true }
	s := &tracked{files: odd}
	w.take("x/y@1", s)
	w.take("x/z@1", s, draft)
	if _, n := w.take("x/z@1:below/it", s, draft); n != 0 {
		t.Errorf("%d files were opened", n)
	}
	if _, err := w.Publish(t.Context(), mustRef(t, "x/z@1"), engine.PublishOptions{}); err != nil {
		t.Fatal(err)
	}
	want := maps.Clone(odd)
	for p, content := range odd {
		want["below/it/"+p] = content
	}
	w.expect("x/z@1", want)
}

func TestWhatIsKnownBelongsToTheIndexAndTheStore(t *testing.T) {
	w := newWorld(t)
	s := &tracked{files: odd}
	w.take("x/y@1", s)
	if _, err := w.RebuildIndex(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, n := w.take("x/y@2", s); n != len(odd) {
		t.Errorf("after a rebuild %d files were opened", n)
	}
	if _, n := w.take("x/y@3", s); n != 0 {
		t.Errorf("the next time %d files were opened", n)
	}
	w.close()
	w.store = mem.New() // another one, found with the index of the first
	if _, err := engine.Create(t.Context(), w.store, engine.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	w.open()
	if _, n := w.take("x/y@1", s); n != len(odd) {
		t.Errorf("in another store %d files were opened", n)
	}
	w.expect("x/y@1", odd)
}

// Files come to be known when they have been read, and that may be all that is
// left of an ingest: the packs with their chunks are lost.
func TestAKnownFileWhoseChunksWereLostIsRead(t *testing.T) {
	for name, again := range map[string]func(w *world){
		"same process": func(*world) {},
		"next process": (*world).reopen,
	} {
		t.Run(name, func(t *testing.T) {
			faulty := fault.New(mem.New())
			w := worldOn(t, faulty, engine.Settings{PackSize: 100 << 10})
			s := &tracked{files: odd}
			w.take("x/other@1", &tracked{files: files{"other": "o"}})
			faulty.Set(fault.Rule{Op: fault.Put, Prefix: "packs/", Do: fault.Fail(syscall.ENOSPC)})
			// Small, so that the first pack is put when all has been read.
			few := &tracked{files: files{"README": odd["README"], "mixed": odd["mixed"], "dir/small": odd["dir/small"]}}
			if _, err := w.Ingest(t.Context(), engine.IngestRequest{Source: few, Ref: mustRef(t, "x/y@1")}); engine.KindOf(err) != engine.KindNoSpace {
				t.Fatalf("%v", err)
			}
			if _, err := w.Ingest(t.Context(), engine.IngestRequest{Source: s, Ref: mustRef(t, "x/y@1")}); engine.KindOf(err) != engine.KindNoSpace {
				t.Fatalf("%v", err)
			}
			faulty.Set()
			again(w)
			if _, n := w.take("x/y@1", s); n < len(few.files) {
				t.Errorf("%d files were opened, and the chunks of %d were lost", n, len(few.files))
			}
			w.expect("x/y@1", odd)
			if _, n := w.take("x/y@2", s); n != 0 {
				t.Errorf("stored at last, %d files were opened", n)
			}
			w.forget()
			w.expect("x/y@2", odd)
		})
	}
}
