package engine_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/scrub"
	"github.com/artifortress/afs-engine/index"
)

// fullDisk is a disk on which only so many writes succeed; negative: all.
type fullDisk struct{ left atomic.Int64 }

func (f *fullDisk) String() string { return "full disk" }

func (f *fullDisk) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsRead || op.Kind == errorfs.OpFileClose || f.left.Load() < 0 {
		return nil
	}
	if f.left.Load() == 0 {
		return syscall.ENOSPC
	}
	f.left.Add(-1)
	return nil
}

// The disk under the index is full from the nth write on, for more n than an
// ingest and closing have writes. The process lives and says what is wrong, what was published
// can be read meanwhile, and with room again everything goes on.
func TestAFullDiskUnderTheIndexIsAnError(t *testing.T) {
	t.Parallel()
	next := files{"a": randomBytes(9, 200_000), "b": "b"}
	failed := 0
	for n := range int64(30) {
		full := &fullDisk{}
		full.left.Store(-1)
		disk := vfs.NewMem()
		components := engine.Components{Store: mem.New(), IndexDir: "index", Index: index.Options{FS: errorfs.Wrap(disk, full)}}
		w := &world{t: t, store: components.Store}
		if _, err := engine.Create(t.Context(), w.store, engine.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		open := func() {
			var err error
			if w.Local, err = engine.Open(t.Context(), components, engine.Settings{PackSize: 64 << 10}); err != nil {
				t.Fatalf("open (%d): %v", n, err)
			}
		}
		open()
		w.ingest("x/y@1", sample)

		full.left.Store(n)
		req := engine.IngestRequest{Source: next, Ref: mustRef(t, "x/y@2")}
		_, err := w.Ingest(t.Context(), req)
		if err != nil {
			failed++
			expectNoSpace(t, err)
			req.Source, req.Ref = files{"c": randomBytes(10, 1000)}, mustRef(t, "x/y@3")
			_, err := w.Ingest(t.Context(), req)
			expectNoSpace(t, err)
			w.expect("x/y@1", sample)
		}
		// Ending may fail too, or it may not: nothing depends on it.
		if cerr := w.Local.Close(); cerr != nil {
			expectNoSpace(t, cerr)
		}

		full.left.Store(-1)
		open()
		w.ingest("x/y@2", next)
		w.expect("x/y@1", sample)
		w.expect("x/y@2", next)
		expectChunksOnce(t, w.store)
		if _, err := w.Verify(t.Context(), scrub.Options{ReadData: true}, func(p scrub.Problem) { t.Errorf("%+v", p) }); err != nil {
			t.Fatal(err)
		}
		if err := w.Local.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if failed == 0 {
		t.Error("no ingest failed")
	}
}

func expectNoSpace(t *testing.T, err error) {
	t.Helper()
	if engine.KindOf(err) != engine.KindNoSpace || !errors.Is(err, index.ErrFailed) && !strings.Contains(err.Error(), "index") {
		t.Fatalf("kind %v: %v, want no space for the index", engine.KindOf(err), err)
	}
}
