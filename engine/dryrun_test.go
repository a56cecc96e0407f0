package engine_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
)

// TestAnEstimateIsWhatAnIngestWouldStore, to the byte, with an engine of the
// same settings: with less memory packs are smaller, so there are more of them.
func TestAnEstimateIsWhatAnIngestWouldStore(t *testing.T) {
	tree := files{"a": randomBytes(1, 24<<20), "b": prose(2, 1000)}
	var stored []int64
	for _, s := range []engine.Settings{{}, {MemoryBytes: engine.MemoryMin}, {PackSize: 1 << 20}} {
		w := worldOn(t, mem.New(), s)
		dry, err := w.Ingest(t.Context(), engine.IngestRequest{Source: tree, Ref: mustRef(t, "a/b@1"), DryRun: true})
		if err != nil {
			t.Fatal(err)
		}
		res, err := engine.Estimate(t.Context(), tree, engine.CreateOptions{}, s, t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if res.StoredBytes != dry.StoredBytes {
			t.Errorf("%+v: an estimate of %d bytes, an ingest of %d", s, res.StoredBytes, dry.StoredBytes)
		}
		stored = append(stored, res.StoredBytes)
	}
	if stored[0] >= stored[1] || stored[1] >= stored[2] {
		t.Errorf("%d bytes do not grow with the number of packs", stored)
	}
}

// TestAScanTakesNoMoreMemoryThanItWasGiven looks at what it allocates: three
// blocks of 2 MiB and little else, where a plan for twice the memory has eight.
func TestAScanTakesNoMoreMemoryThanItWasGiven(t *testing.T) {
	const most = 11 << 20 // bytes
	tree := files{}
	for i := range 16 {
		tree[fmt.Sprint(i)] = randomBytes(uint64(i), 4<<20)
	}
	p := chunker.Params{Min: 64 << 10, Avg: 256 << 10, Max: 1 << 20}
	got := allocated(func() { scan(t, tree, p, engine.Settings{MemoryBytes: engine.MemoryMin}) })
	usual := allocated(func() { scan(t, tree, p, engine.Settings{}) })
	t.Logf("%d KiB, and with the usual memory %d KiB", got>>10, usual>>10)
	if got > most {
		t.Errorf("a scan allocates %d KiB, want at most %d", got>>10, most>>10)
	}
}

func scan(t *testing.T, tree files, p chunker.Params, s engine.Settings) {
	t.Helper()
	scanned, err := engine.Scan(context.Background(), tree, p, s, t.TempDir())
	if err == nil {
		err = scanned.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
