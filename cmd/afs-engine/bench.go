package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/artifortress/afs-engine/bench"
	"github.com/artifortress/afs-engine/bench/contender"
	"github.com/artifortress/afs-engine/bench/corpus"
	"github.com/artifortress/afs-engine/bench/report"
	"github.com/artifortress/afs-engine/engine"
)

// Repetitions, unless --reps says otherwise.
const (
	benchReps      = 3
	benchQuickReps = 2
)

// benchBudget leaves what make bench does besides some time to end within half
// an hour.
const benchBudget = 25 * time.Minute

// benchLimit is how long a command may take, and mountPart the part of it that
// one may take that reads from a mount: there are many of these.
const (
	benchLimit = time.Minute
	mountPart  = 6
)

func (a *app) benchCommand() *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:     "bench [--corpus DIR…]",
		GroupID: groupOther,
		Short:   "measure this beside other tools, on your data or on known data",
		Long: `Do the same work with afs-engine and with the tools that people use for it today,
in one run, and write what came out: results.json, report.html and report.md below
--out. The store that --store names is not touched.

With --corpus the data are your directories, a release each, the oldest first. Without,
they are known releases that everybody can have: fetched once, checked against pinned
sums, and kept in the cache directory. --list shows what there is to choose from.
So that it ends within half an hour, a run does not do everything with all of them,
and says what it left out; --all does. What --workloads, --contenders and --reps name
is done with all data.

Tools that are not installed are left out; --install installs them (Debian, as root).
Without root nothing is mounted by the kernel, and nothing is cold. A run that is
stopped, or that fills the disk, keeps what it has measured.`,
		Example: `  afs-engine bench --quick                                 a first look, in minutes
  afs-engine bench --corpus ./app-1.0 ./app-1.1            on your own releases
  afs-engine bench --install --out results                 everything, as root
  afs-engine bench --corpora toolchains --contenders afs-engine,restic --reps 5`,
		Args: cobra.ArbitraryArgs,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && len(f.dirs) == 0 {
				return noSuchVerb(cmd, args)
			}
			f.dirs = append(f.dirs, args...)
			if f.list {
				return a.benchList()
			}
			return a.bench(cmd.Context(), &f)
		},
	}
	f.register(cmd.Flags())
	cmd.AddCommand(a.benchCompareCommand(), a.benchReportCommand(), a.benchTradeoffCommand(), a.benchReadCommand())
	return cmd
}

type benchFlags struct {
	dirs, corpora, workloads, contenders []string
	reps                                 int
	budget                               time.Duration
	limit                                time.Duration
	all, quick, install, list            bool
	keepCaches                           bool
	out, work                            string
}

func (f *benchFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.dirs, "corpus", nil, "measure on `DIR`, and on those that follow, a release each")
	fs.StringSliceVar(&f.corpora, "corpora", nil, "known data to measure on: `NAMES`, separated by commas")
	fs.StringSliceVar(&f.workloads, "workloads", nil, "what to measure: `NAMES`")
	fs.StringSliceVar(&f.contenders, "contenders", nil, "tools to measure: `NAMES`")
	fs.IntVar(&f.reps, "reps", 0, fmt.Sprintf("repeat `N` times (default %d, with --quick %d)", benchReps, benchQuickReps))
	fs.DurationVar(&f.budget, "budget", benchBudget, "begin no further repetition that would not end within `TIME`; 0 is no limit")
	fs.DurationVar(&f.limit, "limit", benchLimit, fmt.Sprintf("end a command after `TIME`, a reader of a mount after 1/%d of it; 0 is no limit", mountPart))
	fs.BoolVar(&f.all, "all", false, "do everything with all known data, however long it takes: no budget and no limit")
	fs.BoolVar(&f.quick, "quick", false, "small data without downloads, fewer tools: under 3 minutes")
	fs.BoolVar(&f.install, "install", false, "install the tools from Debian's packages, as root")
	fs.BoolVar(&f.keepCaches, "keep-caches", false, "do not drop the kernel's caches, which slows others on this machine: nothing is cold")
	fs.BoolVar(&f.list, "list", false, "list data, workloads and tools, and end")
	fs.StringVar(&f.out, "out", "", "write results and reports below `DIR` (default bench-results/TIME)")
	fs.StringVar(&f.work, "work", "", "make stores and copies below `DIR` (default: the cache directory)")
}

// options brings a run's settings together.
func (f *benchFlags) options(a *app, cache string) (o bench.Options, err error) {
	if f.reps < 0 {
		return o, usagef("--reps %d: want at least 1", f.reps)
	}
	if f.limit < 0 || f.budget < 0 {
		return o, usagef("--limit and --budget are times, or 0")
	}
	if f.all {
		f.budget, f.limit = 0, 0
	}
	o = bench.Options{Cache: cache, Work: f.work, Reps: f.reps, Budget: f.budget, Limit: f.limit, MountLimit: f.limit / mountPart, KeepCaches: f.keepCaches, Workloads: f.workloads, Contenders: contender.All(), Now: a.now, Log: func(s string) { a.note("%s", s) }}
	names := f.contenders
	if f.quick {
		if o.Reps == 0 {
			o.Reps = benchQuickReps
		}
		if names == nil {
			names = contender.Quick()
		}
	}
	if o.Reps == 0 {
		o.Reps = benchReps
	}
	if names != nil {
		if o.Contenders, err = contender.Named(names); err != nil {
			return o, usagef("%s", err)
		}
	}
	if o.Work == "" {
		o.Work = filepath.Join(cache, "work")
	}
	if o.Work, err = filepath.Abs(o.Work); err != nil {
		return o, err
	}
	o.Self, err = os.Executable()
	return o, err
}

// sources are the corpora of a run.
func (f *benchFlags) sources(a *app, cache string) ([]func(context.Context) (bench.Corpus, error), error) {
	if len(f.dirs) > 0 {
		if f.corpora != nil {
			return nil, usagef("--corpus and --corpora do not go together")
		}
		own, err := bench.Own("own", f.dirs)
		if err != nil {
			return nil, engine.WithHint(usagef("%s", err), "--corpus takes directories, a release each")
		}
		return []func(context.Context) (bench.Corpus, error){func(context.Context) (bench.Corpus, error) { return own, nil }}, nil
	}
	specs, err := corpus.All(), error(nil)
	switch {
	case f.corpora != nil:
		specs, err = corpus.Named(f.corpora)
	case f.quick:
		specs = corpus.Quick()
	}
	if err != nil {
		return nil, usagef("%s", err)
	}
	var open []func(context.Context) (bench.Corpus, error)
	for _, s := range specs {
		s.Part = f.part(s.Part)
		open = append(open, func(ctx context.Context) (bench.Corpus, error) {
			return corpus.Fetch(ctx, s, corpus.Options{Dir: cache, Log: func(s string) { a.note("%s", s) }})
		})
	}
	return open, nil
}

// part is what is done with known data: what was asked for goes before what
// there is time for.
func (f *benchFlags) part(p bench.Part) bench.Part {
	if f.all || f.workloads != nil {
		p.Workloads = nil
	}
	if f.all || f.contenders != nil {
		p.Without = nil
	}
	if f.all || f.reps > 0 {
		p.Reps = 0
	}
	return p
}

type benchLine struct {
	Results  string `json:"results"`
	Report   string `json:"report"`
	Rows     int    `json:"rows"`
	Failed   int    `json:"failed"` // of these
	Complete bool   `json:"complete"`
}

// benchCache is where known data are kept.
func (a *app) benchCache() (string, error) {
	cache := xdg(a.env, "XDG_CACHE_HOME", ".cache")
	if cache == "" {
		return "", engine.WithHint(usagef("bench: no place for its data"), "set XDG_CACHE_HOME")
	}
	return filepath.Join(cache, "bench"), nil
}

func (a *app) bench(ctx context.Context, f *benchFlags) error {
	cache, err := a.benchCache()
	if err != nil {
		return err
	}
	o, err := f.options(a, cache)
	if err != nil {
		return err
	}
	open, err := f.sources(a, cache)
	if err != nil {
		return err
	}
	if f.install {
		if err := bench.Install(ctx, contender.Packages(o.Contenders)); err != nil {
			if !errors.Is(err, bench.ErrInstall) {
				return benchError(ctx, err)
			}
			a.note("%s", err)
		}
	}
	out := f.out
	if out == "" {
		out = filepath.Join("bench-results", a.now().UTC().Format("20060102T150405Z"))
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("make the directory for results: %w", err)
	}
	o.Out = filepath.Join(out, "results.json")
	if o.Tmpfs = bench.TmpfsDir(); o.Tmpfs != "" {
		defer os.RemoveAll(o.Tmpfs)
	}
	res, err := bench.Run(ctx, o, open)
	if res == nil {
		return benchError(ctx, err)
	}
	if err := errors.Join(benchError(ctx, err), writeReports(out, res)); err != nil {
		a.note("what was measured until then is in %s", out)
		return err
	}
	if err := a.printBench(out, res); err != nil {
		return err
	}
	return benchPartial(res)
}

// benchPartial is an error if something that was asked for could not be
// measured. A tool that is not installed is none.
func benchPartial(res *bench.Results) error {
	left := 0
	for _, c := range res.Corpora {
		if c.Skipped != "" {
			left++
		}
	}
	if failed := failedRows(res); failed+left > 0 {
		return &kindError{fmt.Errorf("not everything was measured: %s left out, %s failed", plural(int64(left), "corpus", "corpora"), plural(int64(failed), "row", "rows")),
			engine.KindPartial, "the results file and the lines above say why"}
	}
	return nil
}

func failedRows(res *bench.Results) (failed int) {
	for _, r := range res.Rows {
		if r.Status == bench.Failed {
			failed++
		}
	}
	return failed
}

func (a *app) printBench(out string, res *bench.Results) error {
	line := benchLine{filepath.Join(out, "results.json"), filepath.Join(out, "report.html"), len(res.Rows), failedRows(res), res.Complete}
	if a.out.json {
		return a.out.emit("bench", line)
	}
	for _, w := range res.Noise.Warnings {
		a.note("not quiet: %s", w)
	}
	return a.out.printf("%s\n%s in %s; look at %s\n", report.New(res, contender.Subject).LossesMarkdown(),
		plural(int64(len(res.Rows)), "row", "rows"), line.Results, line.Report)
}

// benchError sorts what a run has to say. A run never goes on with an earlier
// one, so that all its numbers are of one time.
func benchError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if s := stoppedBy(ctx, err); s != nil {
		return &kindError{s, engine.Kind(s.exitCode()), "the next run begins anew; what was downloaded is kept"}
	}
	switch {
	case errors.Is(err, bench.ErrNoSpace), errors.Is(err, syscall.ENOSPC):
		return &kindError{err, engine.KindNoSpace, "name another directory with --work, or less with --corpora and --contenders"}
	case errors.Is(err, bench.ErrOptions), errors.Is(err, bench.ErrCorpus):
		return engine.WithHint(usagef("%s", err), "'afs-engine bench --list' shows what there is")
	}
	return err
}

// writeReports writes what people read, beside the results.
func writeReports(dir string, res *bench.Results) (err error) {
	r := report.New(res, contender.Subject)
	page, err := os.Create(filepath.Join(dir, "report.html"))
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	err = r.HTML(page)
	if err = errors.Join(err, page.Close(), os.WriteFile(filepath.Join(dir, "report.md"), []byte(r.Markdown()), 0o644)); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
