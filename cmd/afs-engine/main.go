// Command afs-engine stores versions of software artifacts without storing
// anything twice, and gives them back as files: by restore, by tar, by mount.
//
// The command is a thin shell round the library: one file per verb parses what
// was asked, calls an engine.Engine, and prints what it says. Results go to
// stdout, everything else to stderr, and the exit code says what kind of
// ending it was ('afs-engine help exit-codes', docs/cli.md).
package main

import (
	"context"
	"os"
	"runtime/debug"
)

func main() {
	a := newApp(stdio{os.Stdin, os.Stdout, os.Stderr}, os.Args[1:])
	if os.Getenv("GOMEMLIMIT") == "" {
		a.limit = collectHarder
	}
	os.Exit(a.run(context.Background(), os.Args[1:]))
}

// collectHarder has the garbage collector work harder near memory, in bytes,
// rather than let the process grow to twice what it needs. What Go counts
// leaves out the program itself, and what it has given back and is not taken.
func collectHarder(memory int64) { debug.SetMemoryLimit(memory - 68<<20) }

// run is one run of the command; it returns the exit code.
func run(ctx context.Context, args []string, s stdio) int {
	return newApp(s, args).run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	ctx, stop := withSignals(ctx)
	defer stop()
	root := a.rootCommand()
	root.SetArgs(args)
	return a.finish(ctx, root.ExecuteContext(ctx))
}
