package engine_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/scrub"
	"github.com/artifortress/afs-engine/index"
)

// badDisk is a disk on which only so many writes succeed; negative: all.
type badDisk struct {
	errno syscall.Errno // what the others fail with
	left  atomic.Int64
	hit   atomic.Bool
}

func (d *badDisk) String() string { return "bad disk" }

func (d *badDisk) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsRead || op.Kind == errorfs.OpFileClose || d.left.Load() < 0 {
		return nil
	}
	if d.left.Load() == 0 {
		d.hit.Store(true)
		return d.errno
	}
	d.left.Add(-1)
	return nil
}

// The disk under the index fails from the nth write on, for every n of what is
// done and of closing. The process lives and says what is wrong, what was
// published can be read meanwhile, and when the disk is well again everything
// goes on.
func TestAFailingDiskUnderTheIndexIsAnError(t *testing.T) {
	t.Parallel()
	w := worldOn(t, storeOf(t, nil), everySettings)
	w.ingest("x/y@1", sample)
	if _, err := w.Ingest(t.Context(), engine.IngestRequest{Source: everyDraft, Ref: mustRef(t, "x/draft@1"), Draft: true}); err != nil {
		t.Fatal(err)
	}
	w.close()
	base := objects(t, w.store)
	for _, name := range []string{"ingest", "publish a draft", "batch", "rebuild"} {
		for errno, kind := range faultKinds {
			failed, n, step := 0, int64(0), int64(1)
			if os.Getenv("AFS_TEST_SOAK") == "" {
				step = 3
			}
			for hit := true; hit; n += step {
				var err error
				if hit, err = failIndexAt(t, base, name, n, errno, kind); err != nil {
					failed++
				}
			}
			t.Logf("%s: about %d writes of the index fail with %q, of which %d end it", name, n, errno, failed)
			if failed == 0 && name != "publish a draft" { // whose few rows may reach the disk when all is over
				t.Errorf("%s never failed", name)
			}
		}
	}
}

// failIndexAt runs an action with all writes from the nth on failing, and again
// without. It returns whether there were so many, and the action's error.
func failIndexAt(t *testing.T, base map[string][]byte, name string, n int64, errno syscall.Errno, kind engine.Kind) (hit bool, failure error) {
	t.Helper()
	bad := &badDisk{errno: errno}
	bad.left.Store(-1)
	w := &world{t: t, store: storeOf(t, base)}
	what := fmt.Sprintf("%s, write %d fails with %q", name, n, errno)
	components := engine.Components{Store: w.store, IndexDir: "index", Index: index.Options{FS: errorfs.Wrap(vfs.NewMem(), bad)}}
	open := func() {
		t.Helper()
		var err error
		if w.Local, err = engine.Open(t.Context(), components, everySettings); err != nil {
			t.Fatalf("%s: open: %v", what, err)
		}
	}
	open()
	bad.left.Store(n)
	failure = everyAction[name](t, w)
	if failure != nil {
		expectIndexFailed(t, what, failure, kind)
		if name != "rebuild" { // after which the engine is closed to all but Close
			_, err := w.Ingest(t.Context(), engine.IngestRequest{Source: files{"c": randomBytes(10, 1000)}, Ref: mustRef(t, "x/y@3")})
			expectIndexFailed(t, what+", and then", err, kind)
			w.expect("x/y@1", sample)
		}
	}
	// Ending may fail too, or it may not: nothing depends on it.
	if err := w.Local.Close(); err != nil {
		expectIndexFailed(t, what+", and closing", err, kind)
	}

	bad.left.Store(-1)
	open()
	w.expectAfterFault(name, failure == nil)
	if err := everyAction[name](t, w); err != nil {
		t.Fatalf("%s: the second time: %v", what, err)
	}
	w.expectAfterFault(name, true)
	if name != "batch" { // who goes on beside the one that failed may store the same once more
		expectChunksOnce(t, w.store)
	}
	if _, err := w.Verify(t.Context(), scrub.Options{ReadData: true}, func(p scrub.Problem) { t.Errorf("%s: %+v", what, p) }); err != nil {
		t.Fatalf("%s: verify: %v", what, err)
	}
	if err := w.Local.Close(); err != nil {
		t.Fatalf("%s: close: %v", what, err)
	}
	return bad.hit.Load(), failure
}

func expectIndexFailed(t *testing.T, what string, err error, kind engine.Kind) {
	t.Helper()
	if engine.KindOf(err) != kind || !errors.Is(err, index.ErrFailed) && !strings.Contains(err.Error(), "index") {
		t.Fatalf("%s: kind %v: %v, want %v for the index", what, engine.KindOf(err), err, kind)
	}
}
