package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/registry"
)

func testApp(args ...string) (*app, *bytes.Buffer, *bytes.Buffer) {
	var out, err bytes.Buffer
	a := newApp(stdio{strings.NewReader(""), &out, &err}, args)
	return a, &out, &err
}

func TestJSONLinesAreJSON(t *testing.T) {
	a, out, _ := testApp()
	for _, v := range []any{struct{}{}, groupLine{"a<b>&c"}, reportLine{"x\xff", b64("x\xff"), "why"}} {
		if err := a.out.emit("kind", v); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.out.flush(); err != nil {
		t.Fatal(err)
	}
	want := `{"type":"kind","v":1}
{"type":"kind","v":1,"path":"a<b>&c"}
{"type":"kind","v":1,"path":"x\ufffd","path_b64":"eP8=","reason":"why"}
`
	if out.String() != want {
		t.Errorf("got  %s\nwant %s", out, want)
	}
	for line := range strings.Lines(out.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

func TestErrorsAreOneLine(t *testing.T) {
	err := errors.Join(errors.New("one\r\nand a half"), errors.New("two"))
	for _, format := range []string{"text", "json"} {
		a, out, stderr := testApp()
		a.set.logFormat = format
		if code := a.finish(context.Background(), err); code != 1 {
			t.Errorf("%s: code %d", format, code)
		}
		if strings.Count(stderr.String(), "\n") != 1 || out.Len() > 0 {
			t.Errorf("%s: stderr %q, stdout %q", format, stderr, out)
		}
	}
	a, out, stderr := testApp("--json")
	a.finish(context.Background(), err)
	var line errorLine
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Kind != "internal" || line.Error != "one; and a half; two" {
		t.Errorf("got %s (%v)", out, err)
	}
	if stderr.Len() > 0 {
		t.Errorf("stderr %q", stderr)
	}
}

func TestEndings(t *testing.T) {
	stopped := func(s syscall.Signal) context.Context {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(&signalError{s})
		return ctx
	}
	for _, c := range []struct {
		name string
		ctx  context.Context
		err  error
		code int
	}{
		{"done", context.Background(), nil, 0},
		{"not found", context.Background(), fmt.Errorf("x: %w", registry.ErrNotFound), 10},
		{"bad usage", context.Background(), usagef("x"), 64},
		{"differences", context.Background(), errDifferent, 2},
		{"SIGINT", stopped(syscall.SIGINT), context.Canceled, 130},
		{"SIGTERM", stopped(syscall.SIGTERM), context.Canceled, 143},
		{"broken by SIGTERM", stopped(syscall.SIGTERM), io.ErrUnexpectedEOF, 143},
		{"damage seen while stopping", stopped(syscall.SIGTERM), engine.ErrDamaged, 13},
		{"signal that changed nothing", stopped(syscall.SIGINT), nil, 0},
		{"nobody reads", context.Background(), fmt.Errorf("x: %w", errPipeClosed), 141},
		{"a kind of its own", context.Background(), &kindError{errors.New("x"), engine.KindBusy, "wait"}, 11},
	} {
		a, _, stderr := testApp()
		if code := a.finish(c.ctx, c.err); code != c.code {
			t.Errorf("%s: code %d, want %d (%s)", c.name, code, c.code, stderr)
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestClosedStdoutIsQuiet(t *testing.T) {
	var stderr bytes.Buffer
	a := newApp(stdio{strings.NewReader(""), brokenPipe{}, &stderr}, nil)
	if err := a.out.printf("result\n"); err != nil {
		t.Fatal(err)
	}
	if code := a.finish(context.Background(), nil); code != 141 || stderr.Len() > 0 {
		t.Errorf("code %d, stderr %q", code, &stderr)
	}
}

func TestQuietHidesNotesButNoErrors(t *testing.T) {
	a, _, stderr := testApp()
	a.set.quiet = true
	a.note("a note")
	a.complain(slog.LevelError, "an error")
	if got := stderr.String(); got != "afs-engine: an error\n" {
		t.Errorf("got %q", got)
	}
}
