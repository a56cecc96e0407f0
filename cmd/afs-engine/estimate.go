package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/source"
)

func (a *app) estimateCommand() *cobra.Command {
	var (
		c profileFlags
		f filterFlags
	)
	cmd := &cobra.Command{
		Use:     "estimate DIR…",
		GroupID: groupKeep,
		Short:   "what a store would save on these directories",
		Long: `Cut, compare and compress what the directories hold, and print what a store would
take for all of it. No store is needed and nothing is written. Name several
versions of the same thing to see what they share.`,
		Example: `  afs-engine estimate ./go1.26.0 ./go1.26.1
  afs-engine estimate ./models --chunk-avg 64KiB --json`,
		Args: nargs(1, -1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := c.options()
			if err != nil {
				return err
			}
			return a.estimate(cmd.Context(), &f, o, args)
		},
	}
	f.register(cmd.Flags())
	f.registerFiles(cmd.Flags())
	c.register(cmd.Flags())
	return cmd
}

func (a *app) estimate(ctx context.Context, f *filterFlags, o engine.CreateOptions, dirs []string) error {
	flt, err := f.build()
	if err != nil {
		return err
	}
	for _, d := range dirs {
		if _, err := os.Lstat(d); err != nil {
			return argError(err, "check the path of DIR")
		}
	}
	src, err := a.openSource(ctx, dirs, "", source.Options{Filter: flt})
	if err != nil {
		return err
	}
	var pr engine.Progress
	stop := a.progress(ctx, "estimate", &pr, src.Measure)
	r, err := engine.Estimate(ctx, src, o, a.engineSettings(), "", &pr)
	stop()
	if err != nil {
		return err
	}
	if err := a.printEstimate(r); err != nil {
		return err
	}
	if n := int64(len(r.Problems)) + r.MoreProblems; n > 0 {
		return fmt.Errorf("%w: %d of them, the estimate is without them", engine.ErrIncomplete, n)
	}
	return nil
}

// estimateLine is an estimate in JSON, with paths that may be no UTF-8.
type estimateLine struct {
	engine.EstimateResult
	Problems []reportLine `json:"problems,omitempty"`
	Skipped  []reportLine `json:"skipped,omitempty"`
}

func (a *app) printEstimate(r engine.EstimateResult) error {
	if a.out.json {
		return a.out.emit("estimate", estimateLine{r, reportLines(r.Problems), reportLines(r.Skipped)})
	}
	a.noteProblems(r.Problems, r.MoreProblems)
	a.noteSkipped(r.Skipped, r.MoreSkipped)
	t := newTable(a.out, "<<")
	for _, row := range [][]string{
		{"files", count(r.Files)},
		{"bytes", bytesText(r.Bytes)},
		{"unique", bytesText(r.UniqueBytes) + times(r.Bytes, r.UniqueBytes)},
		{"stored", bytesText(r.StoredBytes) + times(r.Bytes, r.StoredBytes)},
		{"chunks", count(r.Chunks) + ", of which " + count(r.NewChunks) + " distinct"},
		{"time", span(r.Seconds) + ", " + rate(r.Bytes, r.Seconds)},
	} {
		if err := t.row(row...); err != nil {
			return err
		}
	}
	return t.flush()
}
