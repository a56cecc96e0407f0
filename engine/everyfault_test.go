package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/fault"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/scrub"
	"github.com/artifortress/afs-engine/engine/unpack"
	"github.com/artifortress/afs-engine/index"
)

// everyAction is what can go wrong half-way: each fails at the first call of
// the store, then at the second, until it has no further calls to fail at.
var everyAction = map[string]func(t *testing.T, w *world) error{
	"ingest": func(t *testing.T, w *world) error {
		_, err := w.Ingest(t.Context(), engine.IngestRequest{Source: everyNew, Ref: mustRef(t, "x/y@2")})
		return err
	},
	"publish a draft": func(t *testing.T, w *world) error {
		_, err := w.Publish(t.Context(), mustRef(t, "x/draft@1"), engine.PublishOptions{Tags: []string{"t"}})
		return err
	},
	"batch": func(t *testing.T, w *world) error {
		errs := make([]error, 3)
		var wg sync.WaitGroup
		for i := range errs {
			req := engine.IngestRequest{Source: files{"f": randomBytes(uint64(30+i), 60_000), "same": "same"}, Ref: mustRef(t, fmt.Sprintf("x/batch@%d", i))}
			wg.Go(func() { _, errs[i] = w.Ingest(t.Context(), req) })
		}
		wg.Wait()
		return errors.Join(errs...)
	},
	"restore": func(t *testing.T, w *world) error {
		v, err := w.Version(t.Context(), mustRef(t, "x/y@1"))
		if err != nil {
			return err
		}
		root, err := manifest.RootEntry(t.Context(), v.Source(), v.Version.Root)
		if err != nil {
			return err
		}
		_, err = unpack.Tree(t.Context(), v.Source(), root, filepath.Join(t.TempDir(), "dest"), unpack.Options{})
		return err
	},
	"add to drafts at once": func(t *testing.T, w *world) error {
		errs := make([]error, 3)
		var wg sync.WaitGroup
		for i := range errs {
			req := engine.IngestRequest{Source: files{"f": randomBytes(uint64(i), 60_000)}, Ref: mustRef(t, fmt.Sprintf("x/many@%d:sub", i)), Draft: true}
			wg.Go(func() { _, errs[i] = w.Ingest(t.Context(), req) })
		}
		wg.Wait()
		return errors.Join(errs...)
	},
	"rebuild": func(t *testing.T, w *world) error {
		_, err := w.RebuildIndex(t.Context())
		return err
	},
	"verify": func(t *testing.T, w *world) error {
		found := errors.New("problems were found")
		res, err := w.Verify(t.Context(), scrub.Options{ReadData: true}, func(scrub.Problem) {})
		if err == nil && res.Problems > 0 {
			return found
		}
		return err
	},
	"close with a checkpoint": func(t *testing.T, w *world) error {
		ref := mustRef(t, "x/y@1")
		return errors.Join(w.Tag(t.Context(), ref, "a"), w.Tag(t.Context(), ref, "b"), w.Local.Close())
	},
}

var (
	everyNew      = files{"big": randomBytes(21, 150_000), "dir/small": "s"}
	everyDraft    = files{"big": randomBytes(22, 100_000), "dir/other": "o"}
	everySettings = engine.Settings{PackSize: 64 << 10, CheckpointRecords: 2}
)

func TestWhicheverCallOfTheStoreFailsNothingIsLost(t *testing.T) {
	t.Parallel()
	w := worldOn(t, storeOf(t, nil), everySettings)
	w.ingest("x/y@1", sample)
	if _, err := w.Ingest(t.Context(), engine.IngestRequest{Source: everyDraft, Ref: mustRef(t, "x/draft@1"), Draft: true}); err != nil {
		t.Fatal(err)
	}
	w.close()
	base := objects(t, w.store)
	for name, action := range everyAction {
		for _, op := range []fault.Op{fault.Put, fault.Get, fault.Stat, fault.List, fault.Delete} {
			for errno, kind := range faultKinds {
				calls, step := 0, 1
				switch {
				case testing.Short():
					step = 5
				case errno == syscall.EIO && os.Getenv("AFS_TEST_SOAK") == "":
					step = 3
				}
				for failAt(t, base, name, action, op, calls, fmt.Errorf("injected: %w", errno), kind) {
					calls += step
				}
				if calls > 0 {
					t.Logf("%s: about %d calls of %s fail with %q", name, calls, op, errno)
				}
			}
		}
	}
}

// faultKinds are the two ways in which disks fail, and what they count as.
var faultKinds = map[syscall.Errno]engine.Kind{syscall.ENOSPC: engine.KindNoSpace, syscall.EIO: engine.KindCorrupt}

// failAt runs action with the nth call of op failing, and again without. It
// returns whether there were so many.
func failAt(t *testing.T, base map[string][]byte, name string, action func(*testing.T, *world) error, op fault.Op, n int, failure error, kind engine.Kind) (hit bool) {
	s := fault.New(storeOf(t, base))
	disk := vfs.NewMem()
	w := &world{t: t, store: s}
	open := func() {
		t.Helper()
		var err error
		var store backends.Store = s
		if n%2 == 1 {
			store = fault.Appending{Store: s} // packs are written as they are made
		}
		components := engine.Components{Store: store, IndexDir: "index", Index: index.Options{FS: disk}, Actor: "tester@here"}
		if w.Local, err = engine.Open(t.Context(), components, everySettings); err != nil {
			t.Fatalf("%s, %s %d: open: %v", name, op, n, err)
		}
	}
	open()
	s.Set(fault.Rule{Op: op, Skip: n, Times: 1, Do: fault.Hook(func(context.Context, fault.Call) error {
		hit = true
		return failure
	})})
	err := action(t, w)
	s.Set()
	if err != nil && (!hit || engine.KindOf(err) != kind && name != "verify") {
		t.Fatalf("%s, %s %d: %v", name, op, n, err)
	}
	w.expectAfterFault(name, err == nil)
	if cerr := w.Local.Close(); cerr != nil && name != "close with a checkpoint" {
		t.Fatalf("%s, %s %d: close: %v", name, op, n, cerr)
	}
	open()
	w.expectAfterFault(name, err == nil)
	if err := action(t, w); err != nil {
		t.Fatalf("%s, %s %d: the second time: %v", name, op, n, err)
	}
	if name == "close with a checkpoint" {
		open()
	}
	w.expectAfterFault(name, true)
	if res, err := w.Verify(t.Context(), scrub.Options{ReadData: true}, func(p scrub.Problem) { t.Errorf("%+v", p) }); err != nil {
		t.Fatalf("%s, %s %d: verify: %+v, %v", name, op, n, res, err)
	}
	if name != "add to drafts at once" && name != "batch" { // who goes on beside the one that failed may store the same once more
		expectChunksOnce(t, s)
	}
	w.close()
	return hit
}

// expectAfterFault reads what must be there: always what was published, and
// if it is done what the action has published.
func (w *world) expectAfterFault(name string, done bool) {
	w.t.Helper()
	if name == "rebuild" && !done || name == "close with a checkpoint" {
		return // the engine is closed to all but Close
	}
	w.expect("x/y@1", sample)
	switch {
	case done && name == "ingest":
		w.expect("x/y@2", everyNew)
	case done && name == "publish a draft":
		w.expect("x/draft@t", everyDraft)
	}
}
