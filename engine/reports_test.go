package engine_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/source"
)

// complaints is a source of one file, which keeps what follows it waiting, n paths
// that cannot be read and n that are left out.
type complaints struct {
	n    int
	path func(i int) string
	held int64 // memory in use at the end of the walk, in bytes
}

// longText is a new text, as long as a path of a tar may be.
func longText() string { return strings.Repeat("é", 256<<10) }

func (c *complaints) Measure(context.Context, func(int64, int64)) {}

func (c *complaints) Walk(_ context.Context, v source.Visitor) error {
	if err := v.Enter(manifest.Entry{Kind: manifest.Dir, Attr: manifest.Attr{Mode: 0o755, MTime: testTime}}); err != nil {
		return err
	}
	f := manifest.Entry{Name: "f", Kind: manifest.File, Size: 1, Attr: manifest.Attr{Mode: 0o644, MTime: testTime}}
	if err := v.File(f, source.Identity{}, body("f")); err != nil {
		return err
	}
	for i := range c.n {
		p := c.path(i)
		r := source.Report{Path: p, Reason: "on purpose: " + p}
		v.Problem(r)
		v.Skipped(r)
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	c.held = int64(m.HeapAlloc)
	return v.Leave()
}

func longComplaint(i int) string { return fmt.Sprintf("%04d", i) + longText() + "end" }

// checkReports holds what is listed of all reports to the bounds.
func checkReports(t *testing.T, listed []source.Report, more int64, all int) {
	t.Helper()
	size := 0
	for _, r := range listed {
		size += len(r.Path) + len(r.Reason)
		if max(len(r.Path), len(r.Reason)) > 4<<10 {
			t.Fatalf("a path of %d bytes is reported, with a reason of %d", len(r.Path), len(r.Reason))
		}
	}
	if size > 1<<20 || len(listed)+int(more) != all {
		t.Errorf("%d reports of %d bytes are listed, %d are not, of %d", len(listed), size, more, all)
	}
}

func TestReportsAreBounded(t *testing.T) {
	for name, c := range map[string]*complaints{
		"long":             {n: 300, path: longComplaint},
		"part of a long":   {n: 300, path: func(i int) string { return longText()[:2*(i+1)] }},
		"many":             {n: 12_000, path: func(i int) string { return fmt.Sprint(i) }},
		"many not so long": {n: 2_000, path: func(i int) string { return fmt.Sprint(i, strings.Repeat("x", 1000)) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			res, err := w.Ingest(t.Context(), engine.IngestRequest{Source: c, Ref: mustRef(t, "x/y@1")})
			if !errors.Is(err, engine.ErrIncomplete) || !strings.Contains(err.Error(), fmt.Sprintf(" %d of them", c.n)) {
				t.Fatal(err)
			}
			if c.held > 64<<20 {
				t.Errorf("%d bytes are in use at the end of the walk", c.held)
			}
			checkReports(t, res.Problems, res.MoreProblems, c.n)
			checkReports(t, res.Skipped, res.MoreSkipped, c.n)
		})
	}
}

func TestWhatOnlyWantsToKnowIsBoundedToo(t *testing.T) {
	c := &complaints{n: 300, path: longComplaint}
	res, err := engine.Estimate(t.Context(), c, engine.CreateOptions{}, engine.Settings{}, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	checkReports(t, res.Problems, res.MoreProblems, c.n)
	checkReports(t, res.Skipped, res.MoreSkipped, c.n)
	s, err := engine.Scan(t.Context(), c, chunker.Params{Min: 64, Avg: 128, Max: 512}, engine.Settings{}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	checkReports(t, s.Problems, s.MoreProblems, c.n)
}

func TestALongPathIsReportedByItsEnds(t *testing.T) {
	w := newWorld(t)
	for cut := range 4 { // wherever that falls in a letter
		c := &complaints{n: 1, path: func(i int) string {
			return strings.Repeat("x", cut) + longComplaint(i) + strings.Repeat("é", cut) + "end"
		}}
		res, err := w.Ingest(t.Context(), engine.IngestRequest{Source: c, Ref: mustRef(t, fmt.Sprint("x/y@", cut))})
		if !errors.Is(err, engine.ErrIncomplete) {
			t.Fatal(err)
		}
		p := res.Problems[0].Path
		if !strings.HasPrefix(p, strings.Repeat("x", cut)+"0000é") || !strings.HasSuffix(p, "éend"+strings.Repeat("é", cut)+"end") || !strings.Contains(p, "é… (") || !strings.Contains(p, " bytes left out) …é") || !utf8.ValidString(p) {
			t.Errorf("%q", p)
		}
	}
}

// The list of what is missing is part of a log record and of a message.
func TestTooMuchMissingLeavesADraft(t *testing.T) {
	for name, c := range map[string]*complaints{
		"long paths": {n: 70, path: longComplaint},
		"many paths": {n: 12_000, path: func(i int) string { return fmt.Sprintf("%04d", i) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			res, err := w.Ingest(t.Context(), engine.IngestRequest{Source: c, Ref: mustRef(t, "x/y@1:some/where")})
			if engine.KindOf(err).ExitCode() != 3 || res == nil || res.State != "draft" {
				t.Fatalf("%+v, %v", res, err)
			}
			holes := w.holes()
			size, last := len(strings.Join(holes, "")), len(holes)-1
			if last < 10 || last > 999 || size > 130<<10 || holes[last] != fmt.Sprintf("… and %d more", c.n-last) || !strings.HasPrefix(holes[0], "some/where/0000") {
				t.Fatalf("%d entries of %d bytes, the last is %q", len(holes), size, holes[max(last, 0)])
			}
			if _, err := w.publish("x/y@1"); !errors.Is(err, registry.ErrDraftIncomplete) {
				t.Fatalf("publish: %v", err)
			}
			whole := files{"a": "a"}
			w.ingest("x/y@1", whole)
			w.expect("x/y@1", whole)
		})
	}
}

// holes is what the only draft lacks.
func (w *world) holes() (holes []string) {
	w.t.Helper()
	for v, err := range w.Drafts(w.t.Context(), "") {
		if err != nil {
			w.t.Fatal(err)
		}
		holes = v.Incomplete
	}
	return holes
}

// What a draft lacks is listed after what this walk could not read.
func TestADraftsHolesAndTheWalksAreCountedTogether(t *testing.T) {
	w := newWorld(t)
	bad := func(from, to int) files {
		f := files{}
		for i := range to - from {
			f[fmt.Sprintf("%0200d", from+i)] = unreadable
		}
		return f
	}
	for _, part := range []files{bad(0, 400), bad(400, 1000)} {
		if err := w.draft("x/y@1", part, nil); !errors.Is(err, engine.ErrIncomplete) {
			t.Fatal(err)
		}
	}
	holes := w.holes()
	last := len(holes) - 1
	if last < 0 || holes[last] != fmt.Sprintf("… and %d more", 1000-last) || !slices.Contains(holes, fmt.Sprintf("%0200d", 400)) {
		t.Errorf("%d entries: %.500q", len(holes), holes)
	}
}
