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
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr}))
}

// run is one run of the command; it returns the exit code.
func run(ctx context.Context, args []string, s stdio) int {
	ctx, stop := withSignals(ctx)
	defer stop()
	a := newApp(s, args)
	root := a.rootCommand()
	root.SetArgs(args)
	return a.finish(ctx, root.ExecuteContext(ctx))
}
