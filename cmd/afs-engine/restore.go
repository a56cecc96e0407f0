package main

import (
	"bufio"
	"context"
	"errors"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/unpack"
)

func (a *app) restoreCommand() *cobra.Command {
	var f restoreFlags
	cmd := &cobra.Command{
		Use:     "restore REF[:PATH] DEST",
		GroupID: groupRead,
		Short:   "write a version, or a part of it, to a directory or a tar stream",
		Long: `Write what REF[:PATH] names to DEST: the contents of a directory become the
contents of DEST, a file becomes DEST. '-' writes a tar stream to stdout.

Files appear under their names when they are complete, so that what an
interrupted restore leaves behind is whole; --resume goes on with it.

Several names of one file become that again. Owners and extended attributes that
the version has are set as far as you may and the file system can; how many
could not be is said at the end, which of them with -v.`,
		Example: `  afs-engine restore go/toolchain@1.26.0 ./go
  afs-engine restore go/toolchain@1.26.0:bin ./bin --overwrite=changed --delete
  afs-engine restore app/web@latest - | ssh host tar x -C /srv/web`,
		Args:              nargs(2, 2),
		ValidArgsFunction: a.completeRefThenDir,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.restore(cmd.Context(), &f, args[0], args[1]) },
	}
	fs := cmd.Flags()
	fs.StringVar(&f.overwrite, "overwrite", string(unpack.Never), "`WHEN` to replace what is there: never, changed (other size, time, mode or owner), always")
	fs.BoolVar(&f.delete, "delete", false, "delete from DEST what the version does not have")
	fs.BoolVar(&f.resume, "resume", false, "go on with a restore that was interrupted")
	fs.BoolVar(&f.dryRun, "dry-run", false, "list what would be done, and do nothing")
	f.filterFlags.register(fs)
	return cmd
}

type restoreFlags struct {
	filterFlags
	overwrite              string
	delete, resume, dryRun bool
}

type actionLine struct {
	Action  string `json:"action"`
	Path    string `json:"path"`
	PathB64 []byte `json:"path_b64,omitempty"`
}

type restoreLine struct {
	Ref     string  `json:"ref"`
	RefB64  []byte  `json:"ref_b64,omitempty"`
	Dest    string  `json:"dest"`
	DestB64 []byte  `json:"dest_b64,omitempty"`
	DryRun  bool    `json:"dry_run"`
	Files   int64   `json:"files"`
	Dirs    int64   `json:"dirs"`
	Links   int64   `json:"links"`
	Bytes   int64   `json:"bytes"`
	Skipped int64   `json:"skipped"`
	Deleted int64   `json:"deleted"`
	Linked  int64   `json:"linked"` // further names of files
	Seconds float64 `json:"seconds"`

	NoOwner  int64 `json:"no_owner"` // written, but without the owner that the version has
	NoXattrs int64 `json:"no_xattrs"`
}

func (a *app) restore(ctx context.Context, f *restoreFlags, arg, dest string) error {
	o, err := f.options()
	if err != nil {
		return err
	}
	toTar := dest == "-"
	if toTar && a.out.json {
		return usagef("restore to '-': the tar stream is stdout, where --json would print")
	}
	if toTar && (f.delete || f.resume || f.dryRun) {
		return usagef("restore to '-': --delete, --resume and --dry-run are for directories")
	}
	return a.withStore(ctx, refuse, func(eng engine.Engine) error {
		v, e, _, err := resolve(ctx, eng, arg)
		if err != nil {
			return err
		}
		start := a.now()
		var p engine.Progress
		setTotals(&p, e)
		o.Progress = func(files, bytes int64) {
			p.Files.Store(files)
			p.Bytes.Store(bytes)
		}
		o.Report = func(action, path string) { a.printAction(f.dryRun, action, path) }
		stop := a.progress(ctx, "restore", &p, nil)
		var r unpack.Result
		if toTar {
			w := bufio.NewWriterSize(a.stdout, 256<<10)
			if r, err = unpack.Tar(ctx, v.Source(), e, w, o); err == nil {
				err = w.Flush()
			}
		} else {
			r, err = unpack.Tree(ctx, v.Source(), e, dest, o)
		}
		stop()
		if err != nil && (!errors.Is(err, unpack.ErrExists) || r == (unpack.Result{})) {
			return f.explain(err, e, toTar)
		}
		line := restoreLine{
			Ref: arg, RefB64: b64(arg), Dest: dest, DestB64: b64(dest), DryRun: f.dryRun,
			Files: r.Files, Dirs: r.Dirs, Links: r.Links, Bytes: r.Bytes, Skipped: r.Skipped, Deleted: r.Deleted,
			Linked: r.Linked, NoOwner: r.NoOwner, NoXattrs: r.NoXattrs,
			Seconds: a.now().Sub(start).Seconds(),
		}
		if perr := a.printRestore(line, toTar); err == nil {
			err = perr
		}
		return f.explain(err, e, toTar)
	})
}

func (f *restoreFlags) options() (unpack.Options, error) {
	o := unpack.Options{Overwrite: unpack.Overwrite(f.overwrite), Delete: f.delete, Resume: f.resume, DryRun: f.dryRun}
	switch o.Overwrite {
	case unpack.Never, unpack.Changed, unpack.Always:
	default:
		return o, usagef("--overwrite %s: want never, changed or always", f.overwrite)
	}
	var err error
	o.Filter, err = f.build()
	return o, err
}

// setTotals says what is to be done, for the progress.
func setTotals(p *engine.Progress, e manifest.Entry) {
	p.TotalFiles.Store(max(e.Summary.Files, 1))
	p.TotalBytes.Store(max(e.Summary.Bytes, e.Size))
}

// printAction prints a step: what is in the way always, the others if that is
// what was asked for.
func (a *app) printAction(dryRun bool, action, path string) {
	conflict := action == unpack.ActionConflict
	switch {
	case !conflict && !dryRun && a.set.verbose == 0:
	case a.out.json:
		_ = a.out.emit("action", actionLine{action, path, b64(path)}) // shows again at the flush
	case dryRun:
		_ = a.out.printf("%s %s\n", action, shown(path))
	case conflict:
		a.complain(slog.LevelError, shown(path)+": is in the way")
	default:
		a.note("%s %s", action, shown(path))
	}
}

func (a *app) printRestore(l restoreLine, toTar bool) error {
	if a.out.json {
		return a.out.emit("restore", l)
	}
	for _, lack := range []struct {
		n    int64
		what string
	}{{l.NoOwner, "the owner"}, {l.NoXattrs, "all the extended attributes"}} {
		if lack.n > 0 {
			a.note("%s: without %s that the version has", plural(lack.n, "file or directory", "files and directories"), lack.what)
		}
	}
	text := files(l.Files+l.Linked) + ", " + size(l.Bytes)
	if l.Skipped > 0 {
		text += "; " + count(l.Skipped) + " left as they were"
	}
	if l.Deleted > 0 {
		text += "; " + count(l.Deleted) + " deleted"
	}
	text += " (" + span(l.Seconds) + ", " + rate(l.Bytes, l.Seconds) + ")"
	verb := "restored"
	if l.DryRun {
		verb = "would restore"
	}
	if toTar {
		a.note("%s %s: %s", verb, shown(l.Ref), text)
		return nil
	}
	return a.out.printf("%s %s to %s: %s\n", verb, shown(l.Ref), shown(l.Dest), text)
}

// explain replaces hints that speak of ingests, and tells a destination that
// fails from a store that does. e is what was restored.
func (f *restoreFlags) explain(err error, e manifest.Entry, toTar bool) error {
	var dest *unpack.DestError
	switch kind := engine.KindOf(err); {
	case errors.Is(err, unpack.ErrExists):
		return engine.WithHint(err, f.existsHint(errors.Is(err, unpack.ErrDirExists), e))
	case kind == engine.KindNoSpace && !toTar:
		return engine.WithHint(err, "free some space and run it again with --resume")
	case kind == engine.KindCorrupt && errors.As(err, &dest):
		return &kindError{err, engine.KindUnavailable, "DEST is on a disk that fails: when that is mended, run it again with --resume"}
	}
	return err
}

// existsHint names the flags that would help and are not given. dir says that a
// directory is in the way of a file or link.
func (f *restoreFlags) existsHint(dir bool, e manifest.Entry) string {
	const (
		other   = "choose another DEST"
		deletes = "--delete, which deletes all that the version does not have"
	)
	never := f.overwrite == string(unpack.Never)
	switch {
	case dir && e.Kind != manifest.Dir: // DEST itself
		return other + ": no flag replaces a directory by what is none"
	case never && !f.resume:
		return other + ", or pass --overwrite or --resume"
	case never && dir && !f.delete:
		return other + ", or pass --overwrite=changed as well, and " + deletes
	case never:
		return other + ", or pass --overwrite=changed as well"
	case dir && !f.delete:
		return other + ", or pass " + deletes
	}
	return other
}
