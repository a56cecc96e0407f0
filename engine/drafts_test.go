package engine_test

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/registry"
)

// draft adds f to the draft ref.
func (w *world) draft(ref string, f files, labels map[string]string) error {
	w.t.Helper()
	_, err := w.Ingest(w.t.Context(), engine.IngestRequest{Source: f, Ref: mustRef(w.t, ref), Draft: true, Labels: labels})
	return err
}

func (w *world) publish(ref string, tags ...string) (*engine.IngestResult, error) {
	w.t.Helper()
	return w.Publish(w.t.Context(), mustRef(w.t, ref), engine.PublishOptions{Tags: tags})
}

func TestAHoleStaysUntilItsPathIsBrought(t *testing.T) {
	w := newWorld(t)
	if err := w.draft("x/y@1", files{"a": "a", "d/bad": unreadable, "e/bad": unreadable}, nil); !errors.Is(err, engine.ErrIncomplete) {
		t.Fatal(err)
	}
	for _, add := range []struct {
		ref  string
		f    files
		want error
	}{
		{"x/y@1", files{"other": "b"}, registry.ErrDraftIncomplete},
		{"x/y@1:d", files{"bad": "now"}, registry.ErrDraftIncomplete},
		{"x/y@1", files{"e/bad": "now"}, nil},
	} {
		if err := w.draft(add.ref, add.f, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := w.publish("x/y@1"); !errors.Is(err, add.want) {
			t.Fatalf("after %v: %v, want %v", add.f, err, add.want)
		}
	}
	w.expect("x/y@1", files{"a": "a", "other": "b", "d/bad": "now", "e/bad": "now"})
}

func TestMoreHolesThanAreListedAreNotForgotten(t *testing.T) {
	w := newWorld(t)
	const all, listed = 1500, 1000
	bad, some, good := files{}, files{}, files{}
	for i := range all {
		name := fmt.Sprintf("d/%04d", i)
		bad[name], good[name] = unreadable, "ok"
		if i < listed {
			some[name] = "ok"
		}
	}
	if err := w.draft("x/y@1", bad, nil); !errors.Is(err, engine.ErrIncomplete) {
		t.Fatal(err)
	}
	if err := w.draft("x/y@1", some, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.publish("x/y@1"); !errors.Is(err, registry.ErrDraftIncomplete) {
		t.Fatalf("publish: %v", err)
	}
	w.ingest("x/y@1", good)
	w.expect("x/y@1", good)
}

func TestWhatIsAddedToADraftAtOnceIsAllThere(t *testing.T) {
	w := newWorld(t)
	want := files{}
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		name := fmt.Sprint("f", i)
		want[name] = name
		wg.Go(func() { errs[i] = w.draft("x/y@1", files{name: name}, map[string]string{name: "label"}) })
	}
	wg.Wait()
	_, err := w.publish("x/y@1")
	if err := errors.Join(append(errs, err)...); err != nil {
		t.Fatal(err)
	}
	w.expect("x/y@1", want)
	v, err := w.Version(t.Context(), mustRef(t, "x/y@1"))
	if err != nil || len(v.Labels) != len(want) {
		t.Fatalf("labels %v, %v", v.Labels, err)
	}
}

func TestAnIngestWithHolesLeavesAnOpenDraftAlone(t *testing.T) {
	w := newWorld(t)
	if err := w.draft("x/y@1", files{"mine": "a"}, nil); err != nil {
		t.Fatal(err)
	}
	_, err := w.Ingest(t.Context(), engine.IngestRequest{Source: files{"b": unreadable}, Ref: mustRef(t, "x/y@1")})
	if !errors.Is(err, registry.ErrOpenDraft) {
		t.Fatalf("ingest: %v", err)
	}
	if _, err := w.publish("x/y@1"); err != nil {
		t.Fatal(err)
	}
	w.expect("x/y@1", files{"mine": "a"})
}

func TestPublishingAgainStillSetsTags(t *testing.T) {
	w := newWorld(t)
	w.ingest("x/y@1", files{"a": "1"})
	w.ingest("x/y@2", files{"a": "2"})
	if res, err := w.publish("x/y@1", "stable"); err != nil || res.State != engine.StateUnchanged {
		t.Fatalf("%+v, %v", res, err)
	}
	w.expect("x/y@stable", files{"a": "1"})
	w.expect("x/y@latest", files{"a": "2"})
}

func TestADraftOfManyLevelsKeepsWhatIsNotBroughtAgain(t *testing.T) {
	w := newWorld(t)
	old, added, want := files{}, files{}, files{}
	dir := ""
	for n := range 100 {
		for _, name := range []string{"a", "c", "z/below"} {
			old[dir+name] = fmt.Sprint("old ", n)
		}
		added[dir+"b"], added[dir+"x"] = fmt.Sprint("new ", n), "new"
		added[dir+"c"] = fmt.Sprint("changed ", n)
		dir += "m/"
	}
	old["gone/a"], added["gone"] = "in a directory", "in its place"
	maps.Copy(want, old)
	maps.Copy(want, added)
	delete(want, "gone/a")
	for _, f := range []files{old, added} {
		if err := w.draft("x/y@1", f, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.publish("x/y@1"); err != nil {
		t.Fatal(err)
	}
	w.expect("x/y@1", want)
}
