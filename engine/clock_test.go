package engine_test

import (
	"slices"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/scrub"
)

// A clock that jumps by years, forwards and back, changes the times that are
// noted and nothing else: order is the log's, not the clock's.
func TestTheClockMayJump(t *testing.T) {
	store := mem.New()
	if _, err := engine.Create(t.Context(), store, engine.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	years := []int{2026, 2040, 1999, 2026, 1971, 2100, 2026, 2000}
	now := time.Time{}
	w := &world{t: t, store: store, dir: t.TempDir()}
	open := func() {
		var err error
		w.Local, err = engine.Open(t.Context(), engine.Components{
			Store: store, IndexDir: w.dir, Now: func() time.Time { return now },
		}, engine.Settings{PackSize: 32 << 10, CheckpointRecords: 2, SessionLease: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
	}
	var want []time.Time
	ref := mustRef(t, "x/y@0")
	content := func(i int) files { return files{"f": randomBytes(uint64(i), 50_000)} }
	for i, year := range years {
		now = time.Date(year, 3, 1, 0, 0, 0, 0, time.UTC)
		open()
		ref.Version = string(rune('a' + i))
		if i%2 == 0 {
			w.ingest(ref.String(), content(i))
		} else { // a draft of one time is published at another
			if _, err := w.Ingest(t.Context(), engine.IngestRequest{Source: content(i), Ref: ref, Draft: true}); err != nil {
				t.Fatal(err)
			}
			now = now.AddDate(-20, 0, 0)
			if _, err := w.Publish(t.Context(), ref, engine.PublishOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		want = append(want, now)
		if err := w.Tag(t.Context(), ref, "t"); err != nil {
			t.Fatal(err)
		}
		now = now.AddDate(-5, 0, 0)
		w.close()
		if i%3 == 2 {
			w.dir = t.TempDir() // a checkpoint of whatever time it says is good
		}
	}
	open()
	defer w.close()
	for i := range years {
		ref.Version = string(rune('a' + i))
		w.expect(ref.String(), content(i))
	}
	w.expect("x/y@latest", content(len(years)-1))
	w.expect("x/y@t", content(len(years)-1))
	var got []time.Time
	for e, err := range w.Log(t.Context(), ref) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == registry.EventPublish {
			got = append(got, e.Time.UTC())
		}
	}
	slices.Reverse(got)
	if !slices.EqualFunc(got, want, time.Time.Equal) {
		t.Errorf("published at %v, want %v", got, want)
	}
	if _, err := w.Verify(t.Context(), scrub.Options{ReadData: true}, func(p scrub.Problem) { t.Errorf("%+v", p) }); err != nil {
		t.Fatal(err)
	}
}
