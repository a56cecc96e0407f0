package main

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/artifortress/afs-engine/bench"
	"github.com/artifortress/afs-engine/engine"
)

// A run that was stopped measures everything again the next time: nobody is
// told that it would go on.
func TestAStoppedBenchIsNotSaidToGoOn(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(&signalError{syscall.SIGTERM})
	var a app
	for _, cause := range []error{context.Cause(ctx), fmt.Errorf("restic: %w", context.Canceled), fmt.Errorf("broken by the signal")} {
		err := benchError(ctx, cause)
		if hint := a.hintOf(ctx, err); strings.Contains(hint, "go on") || !strings.Contains(hint, "anew") {
			t.Errorf("%v: the hint is %q", cause, hint)
		}
		if kind, cause := kindOf(ctx, err), causeOf(ctx, err); kind != engine.KindTerminated || cause != "stopped by a signal (terminated)" {
			t.Errorf("%v, %q", kind, cause)
		}
	}
}

func TestAFullDiskNamesTheFlagsOfBench(t *testing.T) {
	var a app
	ctx := context.Background()
	for _, cause := range []error{bench.ErrNoSpace, fmt.Errorf("write results: %w", syscall.ENOSPC)} {
		err := benchError(ctx, cause)
		if hint := a.hintOf(ctx, err); kindOf(ctx, err) != engine.KindNoSpace || !strings.Contains(hint, "--work") {
			t.Errorf("%v: %v, the hint is %q", cause, kindOf(ctx, err), hint)
		}
	}
}

// What somebody asks for goes before what there is time for.
func TestWhatIsAskedForIsDoneInFull(t *testing.T) {
	part := bench.Part{Reps: 1, Workloads: []string{bench.IngestFirst}, Without: []string{"bup"}}
	for name, c := range map[string]struct {
		flags benchFlags
		want  string
	}{
		"nothing":    {benchFlags{}, "one repetition; only ingest-first; without bup"},
		"all":        {benchFlags{all: true}, ""},
		"reps":       {benchFlags{reps: 5}, "only ingest-first; without bup"},
		"workloads":  {benchFlags{workloads: []string{bench.TarCold}}, "one repetition; without bup"},
		"contenders": {benchFlags{contenders: []string{"bup"}}, "one repetition; only ingest-first"},
	} {
		if got := c.flags.part(part).String(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
