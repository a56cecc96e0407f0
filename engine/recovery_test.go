package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/fault"
	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/commitlog"
)

// A checkpoint of what an interrupted rebuild left would hide every version
// from then on.
func TestAnInterruptedRebuildLeavesNoCheckpoint(t *testing.T) {
	w := worldOn(t, mem.New(), engine.Settings{CheckpointRecords: 2})
	for i := range 4 {
		w.ingest(fmt.Sprintf("x/y@%d", i), files{"a": fmt.Sprint(i)})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.RebuildIndex(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("rebuild: %v", err)
	}
	w.reopen()
	w.expect("x/y@0", files{"a": "0"})
	w.forget()
	w.expect("x/y@3", files{"a": "3"})
}

// An older index must not take a hole in the log for its end: it would hide
// what comes after, and the next append would fork the log.
func TestAHoleInTheLogIsNotItsEnd(t *testing.T) {
	w := newWorld(t)
	w.ingest("x/y@1", files{"a": "1"})
	w.close()
	old := t.TempDir()
	if err := os.CopyFS(old, os.DirFS(w.dir)); err != nil {
		t.Fatal(err)
	}
	w.open()
	w.ingest("x/y@2", files{"a": "2"})
	w.ingest("x/y@3", files{"a": "3"})
	w.close()
	if err := w.store.Delete(t.Context(), commitlog.Key(2)); err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(t.Context(), engine.Components{Store: w.store, IndexDir: old}, engine.Settings{})
	if !errors.Is(err, commitlog.ErrGap) {
		t.Errorf("open: %v", err)
	}
	if err == nil {
		e.Close()
	}
}

// One failed append ends the ingests that counted on its packs, each with the
// cause; what they had begun does not end up in packs of later ones.
func TestALostPackDoesNotSpoilLaterGroups(t *testing.T) {
	s := fault.New(mem.New())
	w := worldOn(t, s, engine.Settings{PackSize: 1})
	for round := range 25 {
		f := files{}
		for i := range 10 {
			f[fmt.Sprintf("d%d/f%d", i%3, i)] = fmt.Sprint(round, "-", i)
		}
		s.Set(fault.Rule{Op: fault.Put, Prefix: "log/", Skip: 3, Times: 1, Do: fault.Fail(backends.ErrUnavailable)})
		var wg sync.WaitGroup
		for i := range 8 {
			ref := mustRef(t, fmt.Sprintf("x/p%d@%d", i, round))
			wg.Go(func() {
				_, err := w.Ingest(t.Context(), engine.IngestRequest{Source: f, Ref: ref})
				if err != nil && !errors.Is(err, backends.ErrUnavailable) {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		wg.Wait()
		s.Set()
		w.ingest(fmt.Sprintf("x/after@%d", round), f)
		if t.Failed() {
			return
		}
	}
}

func TestOtherFilesInTheIndexDirectoryAreNotRemoved(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	other := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(other, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := engine.Open(t.Context(), engine.Components{Store: w.store, IndexDir: dir}, engine.Settings{})
	if engine.KindOf(err) != engine.KindUsage {
		t.Errorf("open: %v", err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}

func TestCloseTwice(t *testing.T) {
	w := newWorld(t)
	e := w.Local
	w.close()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}
