package engine_test

import (
	"context"
	"errors"
	"syscall"
	"testing"

	"github.com/artifortress/afs-engine/backends/fault"
	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/engine"
)

// Half an index must not be taken for the whole: what it lacks would be absent.
func TestARebuildThatFailsHidesNothingFromOthers(t *testing.T) {
	f := fault.New(mem.New())
	w := sharedWorldOn(t, f)
	w.ingest("r/p@1", sample)
	w.ingest("r/p@2", files{"a": "2"})
	failed := 0
	for n := range 30 {
		f.Set(fault.Rule{Op: fault.Get, Skip: n, Do: fault.Fail(syscall.EIO)})
		_, err := w.RebuildIndex(t.Context())
		f.Set()
		if err != nil {
			failed++
		}
		for _, ref := range []string{"r/p@1", "r/p@2"} {
			if _, err := w.client.Version(t.Context(), mustRef(t, ref)); err != nil {
				t.Fatalf("after a rebuild that failed at read %d (%v): %s: %v", n, err, ref, err)
			}
			if _, err := w.Version(t.Context(), mustRef(t, ref)); err != nil {
				t.Fatalf("the one that was the owner: %s: %v", ref, err)
			}
		}
		if err == nil {
			break // past the last read
		}
	}
	if failed < 3 {
		t.Errorf("%d rebuilds failed", failed)
	}
	w.sound("r/q@1")
}

func TestRebuildsMayFailAgainAndAgain(t *testing.T) {
	w := newWorld(t)
	w.ingest("r/p@1", sample)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		for range 2 {
			if _, err := w.RebuildIndex(canceled); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			_, err := w.Version(t.Context(), mustRef(t, "r/p@1"))
			if kind := engine.KindOf(err); kind == engine.KindOK || kind == engine.KindNotFound {
				t.Fatalf("an index that could not be made anew answers: %v", err)
			}
		}
		if _, err := w.RebuildIndex(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.expect("r/p@1", sample)
	}
}
