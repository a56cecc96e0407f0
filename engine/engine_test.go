package engine_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/scrub"
	"github.com/artifortress/afs-engine/index"
)

var sample = files{
	"README":        "hello\n",
	"bin/tool":      randomBytes(1, 300_000),
	"bin/again":     randomBytes(1, 300_000),
	"doc/empty":     "",
	"doc/zeros":     strings.Repeat("\x00", 500_000) + "end",
	"doc/text":      strings.Repeat("the same line again\n", 20_000),
	"doc/sub/a.txt": "a",
}

func TestWhatIsIngestedReadsBack(t *testing.T) {
	w := newWorld(t)
	res := w.ingest("go/tool@1.0", sample)
	if res.State != "published" || res.Files != int64(len(sample)) || res.NewBytes == 0 || res.StoredBytes == 0 {
		t.Fatalf("result %+v", res)
	}
	w.expect("go/tool@1.0", sample)
	w.expect("go/tool@latest", sample)
	w.expect("go/tool@root-"+res.Root.String(), sample)
	w.reopen()
	w.expect("go/tool@1.0", sample)
}

func TestTheStoreAloneBringsEverythingBack(t *testing.T) {
	w := newWorld(t)
	next := files{}
	for k, v := range sample {
		next[k] = v
	}
	next["bin/tool"] = "changed" + sample["bin/tool"]
	w.ingest("go/tool@1.0", sample)
	w.ingest("go/tool@1.1", next)
	if err := w.Tag(t.Context(), mustRef(t, "go/tool@1.0"), "stable"); err != nil {
		t.Fatal(err)
	}
	before := export(t, w)
	w.forget()
	w.expect("go/tool@1.0", sample)
	w.expect("go/tool@stable", sample)
	w.expect("go/tool@latest", next)
	if after := export(t, w); !slices.Equal(before, after) {
		t.Fatal("the rebuilt index differs from the one that was kept")
	}
	w.ingest("go/tool@1.2", sample) // the new writer takes over
	w.forget()
	w.expect("go/tool@1.2", sample)
}

// export is the projection, row by row.
func export(t *testing.T, w *world) (rows []string) {
	t.Helper()
	w.close()
	db, err := index.Open(w.dir, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Export(func(k, v []byte) error {
		rows = append(rows, string(k)+"="+string(v))
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	w.open()
	return rows
}

func TestTheSameContentAgainIsANoOp(t *testing.T) {
	w := newWorld(t)
	w.ingest("go/tool@1.0", sample)
	before := len(objects(t, w.store))
	again := w.ingest("go/tool@1.0", sample)
	if again.State != engine.StateUnchanged || again.NewBytes != 0 || again.NewChunks != 0 {
		t.Fatalf("result %+v", again)
	}
	if after := len(objects(t, w.store)); after != before {
		t.Fatalf("%d objects became %d", before, after)
	}
	_, err := w.Ingest(t.Context(), engine.IngestRequest{Source: files{"other": "x"}, Ref: mustRef(t, "go/tool@1.0")})
	if engine.KindOf(err) != engine.KindConflict {
		t.Fatalf("other content under the same name: %v", err)
	}
	w.expect("go/tool@1.0", sample)
}

func TestUnreadableSourcesLeaveADraft(t *testing.T) {
	w := newWorld(t)
	broken := files{"a": "a", "dir/bad": unreadable, "z": randomBytes(7, 100_000)}
	res, err := w.Ingest(t.Context(), engine.IngestRequest{Source: broken, Ref: mustRef(t, "x/y@1")})
	if !errors.Is(err, engine.ErrIncomplete) || engine.KindOf(err).ExitCode() != 3 {
		t.Fatalf("error %v", err)
	}
	if res == nil || res.State != "draft" || len(res.Problems) != 1 || res.Problems[0].Path != "dir/bad" {
		t.Fatalf("result %+v", res)
	}
	if _, err := w.Version(t.Context(), mustRef(t, "x/y@1")); engine.KindOf(err) != engine.KindNotFound {
		t.Fatalf("a draft is visible: %v", err)
	}
	if _, err := w.Publish(t.Context(), mustRef(t, "x/y@1"), engine.PublishOptions{}); engine.KindOf(err) != engine.KindPartial {
		t.Fatalf("a draft with holes was published: %v", err)
	}
	whole := files{"a": "a", "dir/bad": "good now", "z": broken["z"]}
	if res := w.ingest("x/y@1", whole); res.NewBytes != int64(len("good now")) {
		t.Fatalf("%d new bytes: what the draft held was stored again", res.NewBytes)
	}
	w.expect("x/y@1", whole)
}

func TestDraftsGrowUntilTheyArePublished(t *testing.T) {
	w := newWorld(t)
	add := func(ref string, f files) {
		t.Helper()
		if _, err := w.Ingest(t.Context(), engine.IngestRequest{Source: f, Ref: mustRef(t, ref), Draft: true}); err != nil {
			t.Fatal(err)
		}
	}
	add("x/y@1", files{"a": "1", "dir/b": "2", "dir/c": "3"})
	add("x/y@1:dir", files{"c": "new", "d": "4"})
	add("x/y@1:very/deep", files{"e": "5"})
	w.reopen()
	add("x/y@1", files{"a": "0"})
	if _, err := w.Publish(t.Context(), mustRef(t, "x/y@1"), engine.PublishOptions{Tags: []string{"t"}}); err != nil {
		t.Fatal(err)
	}
	want := files{"a": "0", "dir/b": "2", "dir/c": "new", "dir/d": "4", "very/deep/e": "5"}
	w.expect("x/y@t", want)
	straight := w.ingest("x/y@2", want)
	v, err := w.Version(t.Context(), mustRef(t, "x/y@1"))
	if err != nil || v.Version.Root.Content != straight.Root {
		t.Fatalf("the grown version has another content id than the one ingested at once (%v)", err)
	}
}

func TestRefcountsFollowDraftsAndPublishes(t *testing.T) {
	w := newWorld(t)
	ref := mustRef(t, "x/y@1")
	if _, err := w.Ingest(t.Context(), engine.IngestRequest{Source: sample, Ref: ref, Draft: true}); err != nil {
		t.Fatal(err)
	}
	if s, _ := w.Stats(t.Context()); s.DeadBytes != 0 || s.Drafts != 1 || s.Versions != 0 {
		t.Fatalf("with a draft: %+v", s)
	}
	if err := w.Discard(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if s, _ := w.Stats(t.Context()); s.DeadBytes == 0 || s.Drafts != 0 {
		t.Fatalf("after discard: %+v", s)
	}
	w.ingest("x/y@1", sample)
	if s, _ := w.Stats(t.Context()); s.DeadBytes != 0 || s.Versions != 1 {
		t.Fatalf("published: %+v", s)
	}
	events := 0
	for e, err := range w.Log(t.Context(), ref) {
		if err != nil {
			t.Fatal(err)
		}
		if events++; events == 2 && (e.Kind != registry.EventPublish || e.Actor != "tester@here" || e.Version == nil) {
			t.Fatalf("event %+v", e)
		}
	}
	if events != 4 { // tag latest, publish, discard, draft
		t.Fatalf("%d events", events)
	}
}

func TestDryRunCountsExactlyAndStoresNothing(t *testing.T) {
	w := newWorld(t)
	w.ingest("x/y@1", files{"a": sample["bin/tool"]})
	before := len(objects(t, w.store))
	req := engine.IngestRequest{Source: sample, Ref: mustRef(t, "x/y@2"), DryRun: true}
	dry, err := w.Ingest(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if after := len(objects(t, w.store)); after != before {
		t.Fatal("a dry run wrote")
	}
	wet := w.ingest("x/y@2", sample)
	if dry.NewBytes != wet.NewBytes || dry.Root != wet.Root || dry.NewChunks != wet.NewChunks || dry.StoredBytes == 0 {
		t.Fatalf("dry %+v\nwet %+v", dry, wet)
	}
}

func TestVerifyFindsNothingInASoundStore(t *testing.T) {
	w := newWorld(t)
	w.ingest("x/y@1", sample)
	res, err := w.Verify(t.Context(), scrub.Options{ReadData: true}, func(p scrub.Problem) { t.Errorf("%+v", p) })
	if err != nil || res.Versions != 1 || res.Problems != 0 || res.Bytes == 0 {
		t.Fatalf("%+v, %v", res, err)
	}
}
