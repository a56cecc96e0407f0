package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/source"
)

func (a *app) ingestCommand() *cobra.Command {
	var f ingestFlags
	cmd := &cobra.Command{
		Use:     "ingest SRC… REF[:PATH] | --batch FILE",
		GroupID: groupWrite,
		Short:   "store files and publish them as a version",
		Long: `Cut SRC into chunks, store those that are new, and publish the whole as REF.

One directory: its contents become the version. One file, or several SRC: they
go in under their base names. '-' reads a tar stream from stdin, and with
--stdin-name one raw file. With :PATH all of it goes below that directory.

If something cannot be read, or changes while it is read, nothing is published:
what was stored stays a draft, each such file is listed, and the exit code is 3.
Publishing the same content again changes nothing and says so; other content
under a published name is a conflict, exit 14.

Several names of one file stay that. Owners, with setuid, setgid and sticky bits,
and extended attributes (user.*, security.capability) are left out unless kept.

A file that an earlier ingest into this store has read is not read again while its
path, device, inode, size, mtime and ctime are as they were; --read-all reads it
all the same. --trust=mtime,size is for fresh checkouts that keep times, where
inode and ctime are always new: it misses a file whose content has changed while
size and mtime have not, as after 'cp -p' or in builds that set all times alike,
and then publishes the old content. A file that was touched within 2 s before it
was read is read again the next time.

--batch reads JSON lines {"source","ref","labels","tag","exclude","draft"}; source
and ref are required. All lines are checked before any of them runs, and a line
that fails does not stop the others. The other flags apply to every line.`,
		Example: `  afs-engine ingest ./go1.26.0 go/toolchain@1.26.0 --label os=linux
  tar c src | afs-engine ingest - app/src@2.0.0 --exclude '*.o' --exclude .git/
  afs-engine ingest ./build app/web@3.1.0 --dry-run      what would it take?
  afs-engine ingest --batch releases.jsonl --jobs 4 --json`,
		ValidArgsFunction: a.completeIngest,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.batch == "" {
				if err := nargs(2, -1)(cmd, args); err != nil {
					return err
				}
				return a.ingest(cmd.Context(), &f, args[:len(args)-1], args[len(args)-1])
			}
			if err := nargs(0, 0)(cmd, args); err != nil {
				return err
			}
			if f.stdinName != "" {
				return usagef("--stdin-name and --batch do not go together")
			}
			return a.ingestBatch(cmd.Context(), &f)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

// ingestFlags are the flags of ingest.
type ingestFlags struct {
	filterFlags
	publishFlags
	draft, dryRun, allowIncomplete, reproducible bool
	stdinName, batch                             string
	jobs                                         int
	attrFlags
	trustFlags
}

func (f *ingestFlags) register(fs *pflag.FlagSet) {
	f.publishFlags.register(fs)
	fs.BoolVar(&f.draft, "draft", false, "leave a draft, to be added to and published later")
	fs.BoolVar(&f.dryRun, "dry-run", false, "count exactly what would be new, and store nothing")
	fs.BoolVar(&f.allowIncomplete, "allow-incomplete", false, "publish although something could not be read")
	fs.BoolVar(&f.reproducible, "reproducible", false, "times from SOURCE_DATE_EPOCH or 0, modes 0644 and 0755")
	f.attrFlags.register(fs)
	f.trustFlags.register(fs)
	f.filterFlags.register(fs)
	f.registerFiles(fs)
	fs.StringVar(&f.stdinName, "stdin-name", "", "with SRC '-': stdin is one raw file, called `NAME`")
	fs.StringVar(&f.batch, "batch", "", "ingest every line of `FILE` ('-' is stdin)")
	fs.IntVar(&f.jobs, "jobs", 2, "with --batch: `N` lines at the same time")
}

// publishFlags belong to every verb that publishes.
type publishFlags struct {
	labels, tags []string
	noLatest     bool
}

func (f *publishFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.labels, "label", nil, "attach `KEY=VALUE` to the version (repeatable)")
	fs.StringArrayVar(&f.tags, "tag", nil, "make the tag `NAME` point at it too (repeatable)")
	fs.BoolVar(&f.noLatest, "no-latest", false, "leave the tag latest where it is")
}

// options checks the flags.
func (f *publishFlags) options() (engine.PublishOptions, error) {
	o := engine.PublishOptions{Labels: map[string]string{}, Tags: f.tags, NoLatest: f.noLatest}
	for _, l := range f.labels {
		k, v, ok := strings.Cut(l, "=")
		if !ok || k == "" {
			return o, usagef("--label %s: want KEY=VALUE", l)
		}
		if _, twice := o.Labels[k]; twice {
			return o, usagef("--label %s: the key is given twice", l)
		}
		o.Labels[k] = v
	}
	for _, t := range f.tags {
		if err := registry.CheckVersion(t); err != nil {
			return o, err
		}
	}
	return o, nil
}

// request is what the flags ask for, but for the sources.
func (f *ingestFlags) request(ref registry.Ref) (engine.IngestRequest, error) {
	o, err := f.publishFlags.options()
	if err != nil {
		return engine.IngestRequest{}, err
	}
	trust, err := f.degree()
	return engine.IngestRequest{
		Ref:             ref,
		Labels:          maps.Clone(o.Labels),
		Tags:            o.Tags,
		NoLatest:        o.NoLatest,
		Draft:           f.draft,
		DryRun:          f.dryRun,
		AllowIncomplete: f.allowIncomplete,
		Trust:           trust,
	}, err
}

// sourceOptions are the flags about reading.
func (f *ingestFlags) sourceOptions(env func(string) string) (source.Options, error) {
	o := source.Options{Reproducible: f.reproducible, Epoch: time.Unix(0, 0)}
	if err := f.attrFlags.apply(&o); err != nil {
		return o, err
	}
	if s := env("SOURCE_DATE_EPOCH"); s != "" && f.reproducible {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return o, usagef("SOURCE_DATE_EPOCH %q: want seconds since 1970", s)
		}
		o.Epoch = time.Unix(n, 0)
	}
	var err error
	o.Filter, err = f.build()
	return o, err
}

func (a *app) ingest(ctx context.Context, f *ingestFlags, srcs []string, refText string) error {
	ref, err := registry.ParseRef(refText)
	if err != nil {
		if _, swapped := registry.ParseRef(srcs[0]); swapped == nil {
			return engine.WithHint(err, "the reference comes last: ingest SRC… REF")
		}
		return err
	}
	req, err := f.request(ref)
	if err != nil {
		return err
	}
	o, err := f.sourceOptions(a.env)
	if err != nil {
		return err
	}
	src, err := a.openSource(ctx, srcs, f.stdinName, o)
	if err != nil {
		return err
	}
	return a.withStore(ctx, f.ifMissing(), func(eng engine.Engine) error {
		var p engine.Progress
		req.Source, req.Progress = src, &p
		stop := a.progress(ctx, "ingest", &p, src.Measure)
		res, err := eng.Ingest(ctx, req)
		stop()
		if res == nil {
			return err
		}
		if perr := a.printIngest(res); err == nil {
			err = perr
		}
		return err
	})
}

func (f *ingestFlags) ifMissing() missing {
	if f.dryRun {
		return assume
	}
	return create
}

// openSource chooses the kind of source. Nothing is read yet, but what is not
// there is an error now.
func (a *app) openSource(ctx context.Context, srcs []string, stdinName string, o source.Options) (source.Source, error) {
	o.SortMemory = engine.Settings{MemoryBytes: a.memory}.SortMemory()
	if srcs[0] == "-" && len(srcs) == 1 {
		if stdinName == "" {
			return source.Tar(untilDone(ctx, a.stdin), o), nil
		}
		if stdinName == "." || stdinName == ".." || strings.ContainsAny(stdinName, "/\x00") {
			return nil, usagef("--stdin-name %q: want a file name", stdinName)
		}
		return source.Raw(untilDone(ctx, a.stdin), stdinName, o), nil
	}
	if stdinName != "" {
		return nil, usagef("--stdin-name needs '-' as the only SRC")
	}
	for _, s := range srcs {
		if s == "-" {
			return nil, usagef("'-' cannot be mixed with other SRC")
		}
		info, err := os.Stat(s)
		if err != nil {
			if _, err = os.Lstat(s); err != nil { // a dangling symlink is a fine thing to store
				return nil, argError(err, "check the path of SRC")
			}
			continue
		}
		if info.IsDir() && len(srcs) == 1 {
			return source.Dir(s, o), nil
		}
	}
	return source.Paths(srcs, o)
}

// reportLine is a path that was not taken, in JSON.
type reportLine struct {
	Path    string `json:"path"`
	PathB64 []byte `json:"path_b64,omitempty"`
	Reason  string `json:"reason"`
}

type ingestLine struct {
	Ref    string `json:"ref"`
	RefB64 []byte `json:"ref_b64,omitempty"`
	*engine.IngestResult
	Problems []reportLine `json:"problems,omitempty"`
	Skipped  []reportLine `json:"skipped,omitempty"`
}

func reportLines(rs []source.Report) []reportLine {
	var ls []reportLine
	for _, r := range rs {
		ls = append(ls, reportLine{r.Path, b64(r.Path), r.Reason})
	}
	return ls
}

// printIngest prints a result at once: the next one may be long in coming.
func (a *app) printIngest(r *engine.IngestResult) error {
	if a.out.json {
		ref := r.Ref.String()
		if err := a.out.emit("ingest", ingestLine{ref, b64(ref), r, reportLines(r.Problems), reportLines(r.Skipped)}); err != nil {
			return err
		}
		return a.out.flush()
	}
	a.noteProblems(r.Problems, r.MoreProblems)
	a.noteSkipped(r.Skipped, r.MoreSkipped)
	if err := a.out.printf("%s\n", ingestText(r)); err != nil {
		return err
	}
	return a.out.flush()
}

// noteProblems lists what could not be read, and how many more there are. That
// is an error, which --quiet does not hide.
func (a *app) noteProblems(rs []source.Report, more int64) {
	for _, r := range rs {
		a.complain(slog.LevelError, fmt.Sprintf("%s: could not be read: %s", shown(r.Path), oneLine(r.Reason)))
	}
	if more > 0 {
		a.complain(slog.LevelError, fmt.Sprintf("… and %s more could not be read", count(more)))
	}
}

// noteSkipped lists what was left out, and how many more there are.
func (a *app) noteSkipped(rs []source.Report, more int64) {
	for _, r := range rs {
		a.note("%s: left out: %s", shown(r.Path), oneLine(r.Reason))
	}
	if more > 0 {
		a.note("… and %s more left out", count(more))
	}
}

func ingestText(r *engine.IngestResult) string {
	ref := shown(r.Ref.String())
	all := files(r.Files)
	if r.KnownFiles > 0 {
		all += " (" + count(r.KnownFiles) + " not read again)"
	}
	all += ", " + size(r.Bytes)
	took := span(r.Seconds) + ", " + rate(r.Bytes, r.Seconds)
	switch r.State {
	case "unchanged":
		return "unchanged " + ref + ": the same content is published already (" + all + ")"
	case "dry-run":
		return "would ingest " + ref + ": " + all + "; " + size(r.NewBytes) + " new (" + took + ")"
	}
	return r.State + " " + ref + ": " + all + "; " + size(r.NewBytes) + " new, " + size(r.StoredBytes) + " stored (" + took + ")"
}
