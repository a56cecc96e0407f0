package main

import (
	"encoding/json"
	"errors"
	"syscall"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/bench"
	"github.com/artifortress/afs-engine/engine"
)

// benchReadCommand is the reader of the mounts' workloads. It is hidden: the
// commands in a report show it, and can be repeated.
func (a *app) benchReadCommand() *cobra.Command {
	var (
		o     bench.ReadOptions
		block string
	)
	cmd := &cobra.Command{
		Use:    "read FILE…",
		Short:  "read files and say how long it took",
		Hidden: true,
		Long: `Read files one read after the other, from begin to end or at random places, and
print seconds, reads and bytes as JSON.`,
		Example: `  afs-engine bench read --block 4KiB --random --operations 2000 --seconds 2 FILE`,
		Args:    nargs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := humanize.ParseBytes(block)
			if err != nil || n < 1 || n > 1<<30 {
				return usagef("--block %s: want a size, as 4KiB", block)
			}
			o.Block = int(n)
			r, err := bench.ReadFiles(args, o)
			if errors.Is(err, syscall.EIO) { // of whose files these are, nobody here knows
				return &kindError{err, engine.KindUnavailable, "ask what serves the file"}
			}
			if err != nil {
				return benchError(cmd.Context(), err)
			}
			return json.NewEncoder(a.out).Encode(r)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&block, "block", "1MiB", "`BYTES` a read")
	fs.BoolVar(&o.Random, "random", false, "at random places")
	fs.Int64Var(&o.Operations, "operations", 2000, "random: at most `N` reads")
	fs.Float64Var(&o.Seconds, "seconds", 2, "random: no more after `N` seconds")
	fs.Uint64Var(&o.Seed, "seed", 1, "random: `N` decides on the places")
	return cmd
}
