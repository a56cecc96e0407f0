package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/registry"
)

// stdio is where the command reads and writes.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// app is one run of the command.
type app struct {
	stdin  io.Reader
	stdout io.Writer // the bare stream, for content; results go through out
	stderr io.Writer
	out    *output
	env    func(string) string
	now    func() time.Time
	set    settings
	memory int64        // of the settings, in bytes
	limit  func(int64)  // tells the runtime; nil: do not
	verb   string       // as typed: "afs-engine ls"; "" until the settings are known
	log    *slog.Logger // for the library
}

func newApp(s stdio, args []string) *app {
	a := &app{
		stdin:  s.in,
		stderr: s.err,
		env:    os.Getenv,
		now:    time.Now,
		log:    slog.New(slog.DiscardHandler),
	}
	pipe := &pipeWriter{w: s.out}
	a.stdout = pipe
	a.out = newOutput(pipe)
	a.out.json = asksForJSON(args) // until the settings are known
	return a
}

// asksForJSON looks for --json before the flags are parsed, so that even an
// error about the flags comes in the form that was asked for.
func asksForJSON(args []string) bool {
	for _, s := range args {
		switch s {
		case "--":
			return false
		case "--json", "--json=true":
			return true
		}
	}
	return false
}

// prepare brings the settings together; every verb runs it first.
func (a *app) prepare(cmd *cobra.Command, _ []string) error {
	a.verb = cmd.CommandPath()
	if err := a.set.resolve(cmd.Flags(), a.env); err != nil {
		return err
	}
	var err error
	if a.memory, err = a.set.memoryBytes(); err != nil {
		return err
	}
	if a.limit != nil {
		a.limit(a.memory)
	}
	a.out.json = a.set.json
	a.out.color = !a.set.noColor && a.env("NO_COLOR") == "" && isTerminal(a.stdout)
	level := slog.LevelWarn - slog.Level(4*a.set.verbose)
	if a.set.quiet {
		level = slog.LevelError
	}
	opts := &slog.HandlerOptions{Level: level}
	switch a.set.logFormat {
	case "json":
		a.log = slog.New(slog.NewJSONHandler(a.stderr, opts))
	case "text":
		a.log = slog.New(slog.NewTextHandler(a.stderr, opts))
	default:
		return usagef("--log-format %s: want text or json", a.set.logFormat)
	}
	return nil
}

// note prints a line for the person at the terminal, unless --quiet.
func (a *app) note(format string, args ...any) {
	if !a.set.quiet {
		a.complain(slog.LevelInfo, fmt.Sprintf(format, args...))
	}
}

// complain prints one line on stderr in the form that --log-format asks for.
func (a *app) complain(level slog.Level, line string, attrs ...any) {
	if a.set.logFormat == "json" {
		slog.New(slog.NewJSONHandler(a.stderr, nil)).Log(context.Background(), level, line, attrs...)
		return
	}
	fmt.Fprintf(a.stderr, "afs-engine: %s\n", line)
}

// finish reports how the run ended and returns the exit code.
func (a *app) finish(ctx context.Context, err error) int {
	if ferr := a.out.flush(); err == nil {
		err = ferr
	}
	if err == nil {
		return 0
	}
	if errors.Is(err, errPipeClosed) {
		return 128 + 13 // as if SIGPIPE had ended it: whoever reads has seen enough
	}
	kind := kindOf(ctx, err)
	if errors.Is(err, errDifferent) {
		return kind.ExitCode()
	}
	a.fail(ctx, err, "")
	ferr := a.out.flush()
	if ferr != nil && !errors.Is(ferr, errPipeClosed) && (a.out.json || !errors.Is(err, ferr)) {
		a.complain(slog.LevelError, oneLine(ferr.Error())+"; "+a.hintOf(ctx, ferr))
	}
	return kind.ExitCode()
}

type errorLine struct {
	Ref   string `json:"ref,omitempty"`
	Error string `json:"error"`
	Kind  string `json:"kind"`
	Hint  string `json:"hint"`
}

// fail prints an error: a JSON line on stdout, or a line on stderr. ref names
// what failed when the verb goes on with others.
func (a *app) fail(ctx context.Context, err error, ref string) {
	kind, hint := kindOf(ctx, err), a.hintOf(ctx, err)
	cause := causeOf(ctx, err)
	if a.out.json {
		// A failure to write it will show again when the output is flushed.
		_ = a.out.emit("error", errorLine{ref, cause, kind.String(), hint})
		return
	}
	if ref != "" {
		cause = ref + ": " + cause
	}
	if a.set.logFormat == "json" {
		a.complain(slog.LevelError, cause, "kind", kind.String(), "hint", hint)
		return
	}
	if hint != "" {
		cause += "; " + hint
	}
	a.complain(slog.LevelError, cause)
}

// kindOf sorts err, telling the two ways of being stopped apart.
func kindOf(ctx context.Context, err error) engine.Kind {
	var k *kindError
	if errors.As(err, &k) {
		return k.kind
	}
	if s := stoppedBy(ctx, err); s != nil {
		return engine.Kind(s.exitCode())
	}
	return engine.KindOf(err)
}

// stoppedBy is the signal because of which err came about, or nil. What breaks
// while everything is being cancelled breaks because of it.
func stoppedBy(ctx context.Context, err error) *signalError {
	var s *signalError
	kind := engine.KindOf(err)
	if errors.As(context.Cause(ctx), &s) && (kind == engine.KindInterrupted || kind == engine.KindInternal) {
		return s
	}
	return nil
}

// causeOf is err's message.
func causeOf(ctx context.Context, err error) string {
	if s := stoppedBy(ctx, err); s != nil {
		return s.Error()
	}
	return oneLine(err.Error())
}

// hintOf says what to do about err.
func (a *app) hintOf(ctx context.Context, err error) string {
	var k *kindError
	if errors.As(err, &k) {
		return k.hint
	}
	if stoppedBy(ctx, err) != nil {
		return engine.HintOf(context.Canceled)
	}
	hint := engine.HintOf(err)
	switch {
	case hint != engine.HintOf(engine.ErrUsage): // better than the general one
	case errors.Is(err, registry.ErrBadRef):
		hint = "see 'afs-engine help references'"
	case a.verb != "":
		hint = "see '" + a.verb + " --help'"
	}
	return hint
}

// oneLine makes a message one line, whatever is in it.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
