package engine_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/scrub"
)

func TestCallsAfterCloseAreRefused(t *testing.T) {
	w := newWorld(t)
	w.ingest("x/y@1", sample)
	v, err := w.Version(t.Context(), mustRef(t, "x/y@1"))
	if err != nil {
		t.Fatal(err)
	}
	e := w.Local
	w.close()
	check := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, engine.ErrClosed) {
			t.Errorf("%s after Close: %v", what, err)
		}
	}
	ref := mustRef(t, "x/y@2")
	_, err = e.Ingest(t.Context(), engine.IngestRequest{Source: sample, Ref: ref})
	check("Ingest", err)
	_, err = e.Version(t.Context(), ref)
	check("Version", err)
	_, err = e.Stats(t.Context())
	check("Stats", err)
	_, err = e.RebuildIndex(t.Context())
	check("RebuildIndex", err)
	_, err = e.Verify(t.Context(), scrub.Options{}, func(scrub.Problem) {})
	check("Verify", err)
	check("Tag", e.Tag(t.Context(), ref, "t"))
	for _, err := range e.Names(t.Context(), "") {
		check("Names", err)
	}
	_, err = readFile(t, v, "README")
	check("reading a version", err)
	if err := e.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	w.open()
}

func TestOldCheckpointsArePruned(t *testing.T) {
	w := worldOn(t, mem.New(), engine.Settings{CheckpointRecords: 1})
	for i := range 5 {
		w.ingest("x/y@"+string(rune('a'+i)), files{"f": randomBytes(uint64(i), 100)})
		w.reopen()
	}
	manifests := 0
	for key := range objects(t, w.store) {
		if strings.HasPrefix(key, "checkpoints/") && strings.HasSuffix(key, "/manifest") {
			manifests++
		}
	}
	if manifests != 2 {
		t.Fatalf("%d checkpoints, want the newest and the one before", manifests)
	}
	w.forget()
	w.expect("x/y@e", files{"f": randomBytes(4, 100)})
}

func TestWhatCannotBecomeAVersionIsRefusedBeforeItIsRead(t *testing.T) {
	w := newWorld(t)
	before := len(objects(t, w.store))
	for _, req := range []engine.IngestRequest{
		{Ref: mustRef(t, "x/y@latest")},
		{Ref: mustRef(t, "x/y@1"), Tags: []string{"no/tag"}},
		{Ref: mustRef(t, "x/y@1"), Draft: true, Tags: []string{"t"}},
	} {
		req.Source = sample
		if _, err := w.Ingest(t.Context(), req); engine.KindOf(err) != engine.KindUsage {
			t.Errorf("%s, tags %v: %v", req.Ref, req.Tags, err)
		}
	}
	if after := len(objects(t, w.store)); after != before {
		t.Errorf("%d objects were stored", after-before)
	}
}
