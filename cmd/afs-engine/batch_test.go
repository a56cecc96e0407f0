package main

import (
	"context"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/engine"
)

func noEnv(string) string { return "" }

func TestBatchLines(t *testing.T) {
	var f ingestFlags
	f.labels, f.tags = []string{"team=infra", "os=any"}, []string{"nightly"}
	job, err := f.parseBatchLine([]byte(`{"source":"d","ref":"a/b@1:x","labels":{"os":"linux"},"tag":"t","exclude":["*.o"],"draft":true}`), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	r := job.req
	if r.Ref.String() != "a/b@1:x" || r.Labels["os"] != "linux" || r.Labels["team"] != "infra" || !r.Draft || job.opts.Filter == nil ||
		len(r.Tags) != 2 || r.Tags[0] != "nightly" || r.Tags[1] != "t" || job.source != "d" {
		t.Errorf("got %+v", job)
	}
	again, err := f.parseBatchLine([]byte(`{"source":"d","ref":"a/b@2"}`), noEnv)
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
		if _, err := f.parseBatchLine([]byte(bad), noEnv); err == nil {
			t.Errorf("%s: accepted", bad)
		}
	}
}

func TestBatchLimits(t *testing.T) {
	var f ingestFlags
	f.batch = "-"
	a, _, _ := testApp()
	a.stdin = strings.NewReader("\n\n{\"source\":\"" + strings.Repeat("x", batchLineMax) + "\"}\n")
	if _, err := a.readBatch(context.Background(), &f); engine.KindOf(err) != engine.KindUsage || !strings.Contains(err.Error(), "stdin:3:") {
		t.Errorf("a long line: got %v", err)
	}
	a, _, stderr := testApp()
	a.stdin = strings.NewReader(strings.Repeat("{}\n", 3*batchShownMax))
	if _, err := a.readBatch(context.Background(), &f); !strings.Contains(err.Error(), "300 bad lines") {
		t.Errorf("many bad lines: got %v", err)
	}
	if n := strings.Count(stderr.String(), "\n"); n != batchShownMax {
		t.Errorf("%d bad lines are listed, want %d", n, batchShownMax)
	}
}

// FuzzBatchLine: whatever a line holds, it is a job or an error.
func FuzzBatchLine(f *testing.F) {
	f.Add([]byte(`{"source":"d","ref":"a/b@1","labels":{"k":"v"},"tag":"t","exclude":["*"],"draft":false}`))
	f.Add([]byte(`{"source":"d","ref":"a/b@1","exclude":["[","\u0000"]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var flags ingestFlags
		job, err := flags.parseBatchLine(line, noEnv)
		if err == nil && (job.source == "" || job.req.Ref.Version == "") {
			t.Errorf("%q: accepted as %+v", line, job)
		}
	})
}
