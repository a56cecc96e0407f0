package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/bench/tradeoff"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
)

// tradeoffCorpus is what is measured on, unless --corpus or --corpora says
// otherwise.
const tradeoffCorpus = "toolchains"

func (a *app) benchTradeoffCommand() *cobra.Command {
	var (
		f              benchFlags
		o              tradeoff.Options
		chunks, frames []string
		levels         []int
		profiles       []string
	)
	cmd := &cobra.Command{
		Use:   "tradeoff [--corpus DIR…]",
		Short: "measure what chunk sizes, frame sizes, levels and profiles cost",
		Long: `Make a store for each choice of chunk average, frame size and compression level, and
for each profile, put the releases DIR… into it in their order, and say what it takes,
everything counted, and what a cold random read of 4 KiB costs. The profiles are those
of 'init --profile', with what they do with text and with their deltas; in the other
stores all files are packed alike. Written below --out: tradeoff.json, with all
numbers, and tradeoff.svg, a plot. Without --corpus the data are four Go toolchains.`,
		Example: `  afs-engine bench tradeoff --corpus ./app-1.0 ./app-1.1
  afs-engine bench tradeoff --chunks 8KiB,16KiB --frames 128KiB,256KiB --levels 1,2`,
		Args: cobra.ArbitraryArgs,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(f.dirs) > 0:
				f.dirs = append(f.dirs, args...)
			case len(args) > 0:
				return usagef("bench tradeoff: directories go behind --corpus")
			case f.corpora == nil:
				f.corpora = []string{tradeoffCorpus}
			}
			avgs, err := sizes("--chunks", chunks)
			if err != nil {
				return err
			}
			frameSizes, err := sizes("--frames", frames)
			if err != nil {
				return err
			}
			o.Choices = tradeoff.Grid(avgs, frameSizes, levels)
			for _, name := range profiles {
				p, err := engine.ProfileNamed(name)
				if err != nil {
					return err
				}
				o.Choices = append(o.Choices, tradeoff.Profile(p))
			}
			return a.benchTradeoff(cmd.Context(), &f, o)
		},
	}
	fs := cmd.Flags()
	fs.StringArrayVar(&f.dirs, "corpus", nil, "measure on `DIR`, and on those that follow, a release each")
	fs.StringSliceVar(&f.corpora, "corpora", nil, "known data to measure on: one `NAME` of 'bench --list'")
	fs.StringSliceVar(&chunks, "chunks", []string{"4KiB", "8KiB", "16KiB", "64KiB"}, "average `SIZES` of chunks")
	fs.StringSliceVar(&frames, "frames", []string{"64KiB", "256KiB", "1MiB"}, "`SIZES` of frames")
	fs.IntSliceVar(&levels, "levels", []int{1, 3}, "`LEVELS` of compression, 1 (fastest) to 4 (best)")
	fs.StringSliceVar(&profiles, "profiles", []string{engine.ProfileFast, engine.ProfileDefault, engine.ProfileSmall}, "whole profiles besides: `NAMES`, or \"\" for none")
	fs.IntVar(&o.Reads, "reads", 200, "`N` cold reads of each store")
	fs.Uint64Var(&o.Seed, "seed", 1, "`N` decides on their places")
	fs.StringVar(&f.work, "work", "", "make the stores below `DIR` (default: the cache directory)")
	fs.StringVar(&f.out, "out", ".", "write what comes out below `DIR`")
	return cmd
}

// sizes reads the values of a flag.
func sizes(flag string, texts []string) (all []int, err error) {
	for _, text := range texts {
		n, err := humanize.ParseBytes(text)
		if err != nil || n < 1 || n > chunker.MaxSize {
			return nil, usagef("%s %s: want sizes up to %s", flag, text, humanize.IBytes(chunker.MaxSize))
		}
		all = append(all, int(n))
	}
	return all, nil
}

func (a *app) benchTradeoff(ctx context.Context, f *benchFlags, o tradeoff.Options) error {
	cache, err := a.benchCache()
	if err != nil {
		return err
	}
	open, err := f.sources(a, cache)
	if err != nil {
		return err
	}
	if len(open) != 1 {
		return usagef("bench tradeoff: want one of --corpora, not %d", len(open))
	}
	if o.Corpus, err = open[0](ctx); err != nil {
		return benchError(ctx, err)
	}
	if o.Work = f.work; o.Work == "" {
		o.Work = filepath.Join(cache, "work")
	}
	if err := errors.Join(os.MkdirAll(o.Work, 0o755), os.MkdirAll(f.out, 0o755)); err != nil {
		return fmt.Errorf("make the directories: %w", err)
	}
	o.Now, o.Log = a.now, func(s string) { a.note("%s", s) }
	res, err := tradeoff.Measure(ctx, o)
	if err != nil {
		return benchError(ctx, err)
	}
	plot, err := res.SVG()
	if err != nil {
		return err
	}
	if err := errors.Join(res.Save(filepath.Join(f.out, "tradeoff.json")), os.WriteFile(filepath.Join(f.out, "tradeoff.svg"), plot, 0o644)); err != nil {
		return err
	}
	if !a.out.json {
		return a.out.printf("%s", res.Markdown())
	}
	for _, p := range res.Points {
		if err := a.out.emit("tradeoff", p); err != nil {
			return err
		}
	}
	return nil
}
