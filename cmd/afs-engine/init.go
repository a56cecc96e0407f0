package main

import (
	"context"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
)

func (a *app) initCommand() *cobra.Command {
	var f profileFlags
	cmd := &cobra.Command{
		Use:     "init",
		GroupID: groupKeep,
		Short:   "create a store with parameters of your own",
		Long: `Create a store where --store says. There is no need to: the first ingest creates
one with the usual parameters. They are fixed for the life of the store, because
only what was cut alike can be found again.

A profile is a choice of all of them: "default" suits most, "fast" takes large
chunks and finds less that is the same, "small" takes small ones and spends more
time on compressing them.

What has changed since the version of a package that was published last can be
stored as a difference from it. For text ("default") that costs next to nothing.
For programs as well ("small", --deltas all) it saves most of what a new version
takes, and costs up to a fifth more time for an ingest, less for a restore.

Smaller chunks find more that is the same, and cost more memory and time per
byte. --chunk-avg alone sets the least to a quarter of it and the most to four
times it.`,
		Example: `  afs-engine init
  afs-engine init --profile small
  afs-engine init --store /srv/models --chunk-avg 64KiB`,
		Args: nargs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := f.options()
			if err != nil {
				return err
			}
			return a.init(cmd.Context(), o)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

type initLine struct {
	Store string `json:"store"`
	engine.StoreInfo
}

func (a *app) init(ctx context.Context, o engine.CreateOptions) error {
	loc, err := a.location()
	if err != nil {
		return err
	}
	if loc == memLocation {
		return usagef("init: a store in memory ends with this command")
	}
	o.Now = a.now
	info, err := createLocal(ctx, loc, o)
	if err != nil {
		return engine.WithHint(err, initHint(err))
	}
	if a.out.json {
		return a.out.emit("init", initLine{loc, info})
	}
	c := info.Chunker
	return a.out.printf("created store %s (id %s, chunks of %s to %s, %s on average)\n", loc, info.ID,
		humanize.IBytes(uint64(c.Min)), humanize.IBytes(uint64(c.Max)), humanize.IBytes(uint64(c.Avg)))
}

// initHint replaces the hint of a conflict, which speaks of versions.
func initHint(err error) string {
	if engine.KindOf(err) == engine.KindConflict {
		return "it is ready to be used"
	}
	return engine.HintOf(err)
}

// profileFlags choose what is fixed when a store is made: a profile, and sizes
// of chunks in its place. Those not given follow from the average.
type profileFlags struct{ profile, min, avg, max, deltas string }

func (f *profileFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.profile, "profile", engine.ProfileDefault, "`NAME` of a choice of parameters: fast, default or small")
	fs.StringVar(&f.deltas, "deltas", "", "store as differences from the version before: `WHAT` is none, text or all, in\nplace of the profile's")
	fs.StringVar(&f.avg, "chunk-avg", "", "average `SIZE` of chunks, in place of the profile's")
	fs.StringVar(&f.min, "chunk-min", "", "least `SIZE` of chunks, a quarter of the average by default")
	fs.StringVar(&f.max, "chunk-max", "", "greatest `SIZE` of chunks, four times the average by default")
}

func (f *profileFlags) options() (o engine.CreateOptions, err error) {
	profile, err := engine.ProfileNamed(f.profile)
	if err != nil {
		return o, err
	}
	p := profile.Chunker
	set := func(to *int, flag, text string) {
		if text == "" || err != nil {
			return
		}
		n, perr := humanize.ParseBytes(text)
		if perr != nil || n > chunker.MaxSize {
			err = usagef("%s %s: want a size up to %s", flag, text, humanize.IBytes(chunker.MaxSize))
		}
		*to = int(n)
	}
	set(&p.Avg, "--chunk-avg", f.avg)
	p.Min, p.Max = p.Avg/4, min(p.Avg*4, chunker.MaxSize)
	set(&p.Min, "--chunk-min", f.min)
	set(&p.Max, "--chunk-max", f.max)
	if err != nil {
		return o, err
	}
	if err := p.Validate(); err != nil {
		return o, usagef("%s", err)
	}
	switch f.deltas {
	case "":
	case "none":
		profile.Packing.Deltas = engine.DeltasNone
	case string(engine.DeltasText), string(engine.DeltasAll):
		profile.Packing.Deltas = engine.Deltas(f.deltas)
	default:
		return o, usagef("--deltas %s: want none, text or all", f.deltas)
	}
	return engine.CreateOptions{Chunker: p, Packing: profile.Packing}, nil
}
