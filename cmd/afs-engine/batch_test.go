package main

import (
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/engine"
)

func noEnv(string) string { return "" }

func TestBatchLines(t *testing.T) {
	var f ingestFlags
	f.labels, f.tags = []string{"team=infra", "os=any"}, []string{"nightly"}
	b := newBatch(&f, noEnv, nil)
	job, err := b.parse([]byte(`{"source":"d","ref":"a/b@1:x","labels":{"os":"linux"},"tag":"t","exclude":["*.o"],"draft":true}`))
	if err != nil {
		t.Fatal(err)
	}
	r := job.req
	if r.Ref.String() != "a/b@1:x" || r.Labels["os"] != "linux" || r.Labels["team"] != "infra" || !r.Draft || job.opts.Filter == nil ||
		len(r.Tags) != 2 || r.Tags[0] != "nightly" || r.Tags[1] != "t" || job.source != "d" {
		t.Errorf("got %+v", job)
	}
	again, err := b.parse([]byte(`{"source":"d","ref":"a/b@2"}`))
	if err != nil {
		t.Fatal(err)
	}
	if r := again.req; r.Labels["os"] != "any" || len(r.Tags) != 1 || r.Draft {
		t.Errorf("one line's fields leak into the next: %+v", r)
	}

	for _, bad := range []string{
		``, `{`, `[]`, `null`, `{"source":"d"}`, `{"ref":"a/b@1"}`, `{"source":"-","ref":"a/b@1"}`,
		`{"source":"d","ref":"a/b@1"} {}`, `{"source":"d","ref":"a/b@1","tag":"x/y"}`,
		`{"source":"d","ref":"a/b@1","labels":{"":"v"}}`, `{"source":"d","ref":"a/b@1","Surprise":1}`,
		`{"source":"d","ref":"a/b@1","draft":"yes"}`,
	} {
		if _, err := b.parse([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", bad)
		}
	}
}

// testBatch is a batch that comes from stdin.
func testBatch(t *testing.T, a *app, text string) *batch {
	t.Helper()
	a.stdin = strings.NewReader(text)
	lines, err := a.openBatchLines(t.Context(), "-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lines.close)
	return newBatch(&ingestFlags{jobs: 1}, noEnv, lines)
}

func TestBatchLimits(t *testing.T) {
	a, _, _ := testApp()
	err := a.checkBatch(testBatch(t, a, "\n\n{\"source\":\""+strings.Repeat("x", batchLineMax)+"\"}\n"))
	if engine.KindOf(err) != engine.KindUsage || !strings.Contains(err.Error(), "stdin:3:") {
		t.Errorf("a long line: got %v", err)
	}
	err = a.checkBatch(testBatch(t, a, strings.Repeat("\n", batchLinesMax+1)))
	if engine.KindOf(err) != engine.KindUsage || !strings.Contains(err.Error(), "more than") {
		t.Errorf("many lines: got %v", err)
	}
	a, _, stderr := testApp()
	if err := a.checkBatch(testBatch(t, a, strings.Repeat("{}\n", 3*batchShownMax))); !strings.Contains(err.Error(), "300 bad lines") {
		t.Errorf("many bad lines: got %v", err)
	}
	if n := strings.Count(stderr.String(), "\n"); n != batchShownMax {
		t.Errorf("%d bad lines are listed, want %d", n, batchShownMax)
	}
}

// TestABatchThatChangesIsNoticed: what runs has been checked, and if it is not
// the file that was checked that is an error.
func TestABatchThatChangesIsNoticed(t *testing.T) {
	const before = `{"source":"d","ref":"a/b@1"}` + "\n" + `{"source":"d","ref":"a/b@2"}` + "\n"
	for _, c := range []struct {
		name, after, want string
		ran               int
	}{
		{"not at all", before, "", 2},
		{"by lines at its end", before + `{"source":"d","ref":"a/b@3"}` + "\n", "", 2},
		{"to other good lines", strings.ReplaceAll(before, "a/b", "a/c"), "not all lines", 2},
		{"to a bad line", strings.Replace(before, `"a/b@2"`, `"a/b 2"`, 1), "line 2", 1},
		{"to a shorter one", before[:len(before)/2], "not all lines", 1},
		{"to nothing", "", "not all lines", 0},
	} {
		path := filepath.Join(t.TempDir(), "batch")
		write(t, path, before)
		a, _, stderr := testApp()
		lines, err := a.openBatchLines(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		b := newBatch(&ingestFlags{jobs: 1}, noEnv, lines)
		if err := a.checkBatch(b); err != nil || b.count != 2 {
			t.Fatalf("%d jobs, %v", b.count, err)
		}
		write(t, path, c.after)
		err = a.runBatch(t.Context(), nil, b)
		lines.close()
		if ran := strings.Count(stderr.String(), "lstat d: "); ran != c.ran {
			t.Errorf("%s: %d lines ran, want %d\n%s", c.name, ran, c.ran, stderr)
		}
		changed := err != nil && strings.Contains(err.Error(), "has changed")
		if engine.KindOf(err) != engine.KindPartial || changed != (c.want != "") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("changed %s: got %v", c.name, err)
		}
	}
}

// TestABatchIsNotHeld: checking a batch keeps nothing per line.
func TestABatchIsNotHeld(t *testing.T) {
	const lines, most = 100_000, 2 << 20 // bytes
	a, _, _ := testApp()
	b := testBatch(t, a, "")
	b.first = strings.NewReader(strings.Repeat(`{"source":"d","ref":"a/b@1","exclude":["x"],"labels":{"k":"v"}}`+"\n", lines))
	before := heapInUse()
	if err := a.checkBatch(b); err != nil || b.count != lines {
		t.Fatalf("%d jobs, %v", b.count, err)
	}
	if now := heapInUse(); now > before+most {
		t.Errorf("%d lines keep %d KiB", lines, (now-before)>>10)
	}
	runtime.KeepAlive(b)
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// FuzzBatchLine: whatever a line holds, it is a job or an error.
func FuzzBatchLine(f *testing.F) {
	f.Add([]byte(`{"source":"d","ref":"a/b@1","labels":{"k":"v"},"tag":"t","exclude":["*"],"draft":false}`))
	f.Add([]byte(`{"source":"d","ref":"a/b@1","exclude":["[","\u0000"]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, line []byte) {
		job, err := newBatch(&ingestFlags{}, noEnv, nil).parse(line)
		if err == nil && (job.source == "" || job.req.Ref.Version == "") {
			t.Errorf("%q: accepted as %+v", line, job)
		}
	})
}
