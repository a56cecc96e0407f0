package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
)

func (a *app) lsCommand() *cobra.Command {
	var f lsFlags
	cmd := &cobra.Command{
		Use:     "ls [PATH | REF[:PATH]]",
		GroupID: groupRead,
		Short:   "list repos, packages, versions, and the files in a version",
		Long: `Without an argument: the repos. With a repo, or the first segments of a package
name: what stands under it. With REPO/PACKAGE: its versions and tags. With a
reference: the directory (or the one file) that it names.`,
		Example: `  afs-engine ls
  afs-engine ls go/toolchain
  afs-engine ls go/toolchain@1.26.0:src/cmd
  afs-engine ls -R --json go                          every version below go`,
		Args:              nargs(0, 1),
		ValidArgsFunction: a.completeFirstRef,
		RunE: func(cmd *cobra.Command, args []string) error {
			arg := ""
			if len(args) == 1 {
				arg = args[0]
			}
			return a.withStore(cmd.Context(), refuse, func(eng engine.Engine) error { return a.ls(cmd.Context(), eng, &f, arg) })
		},
	}
	cmd.Flags().BoolVarP(&f.recursive, "recursive", "R", false, "list everything below, too")
	cmd.Flags().BoolVar(&f.drafts, "drafts", false, "list drafts instead of what is published")
	return cmd
}

type lsFlags struct{ recursive, drafts bool }

func (a *app) ls(ctx context.Context, eng engine.Engine, f *lsFlags, arg string) error {
	if isReference(arg) {
		if f.drafts {
			return usagef("ls --drafts: want a repo or a package, not the reference %s", arg)
		}
		return a.lsTree(ctx, eng, arg, f.recursive)
	}
	arg = strings.TrimSuffix(arg, "/")
	if arg != "" {
		if err := checkPath(arg); err != nil {
			return err
		}
	}
	l := &nameLister{app: a, eng: eng, table: newTable(a.out, "<<>>")}
	var err error
	switch {
	case f.drafts:
		err = l.drafts(ctx, arg)
	case f.recursive:
		err = l.all(ctx, arg)
	default:
		err = l.level(ctx, arg)
	}
	if ferr := l.table.flush(); err == nil {
		err = ferr
	}
	return err
}

// isReference tells a reference to a version from a path of the registry,
// where '@' only stands at the beginning of a segment.
func isReference(s string) bool {
	if strings.Contains(s, ":") {
		return true
	}
	at := strings.LastIndexByte(s, '@')
	return at > 0 && s[at-1] != '/'
}

// checkPath checks a repo, or REPO and more segments.
func checkPath(path string) error {
	if !strings.Contains(path, "/") {
		path += "/x" // the grammar of the segments is that of a package's
	}
	_, err := registry.ParsePackage(path)
	return err
}

func (a *app) lsTree(ctx context.Context, eng engine.Engine, arg string, recursive bool) error {
	v, e, path, err := resolve(ctx, eng, arg)
	if err != nil {
		return err
	}
	t := newTable(a.out, "<><<")
	show := func(path, shownAs string, e manifest.Entry) error {
		if a.out.json {
			return a.out.emit("entry", describeEntry(path, e))
		}
		name, length := shown(shownAs), size(e.Size)
		switch e.Kind {
		case manifest.Dir:
			name, length = name+"/", "-"
		case manifest.Symlink:
			name += " -> " + shown(e.Target)
		}
		return t.row(modeText(e), length, when(e.Attr.MTime), name)
	}
	switch {
	case e.Kind != manifest.Dir:
		err = show(path, path, e)
	case recursive:
		err = manifest.Walk(ctx, v.Source(), e, func(p string, e manifest.Entry) error {
			if p == "" {
				return nil
			}
			return show(joinPath(path, p), p, e)
		})
	default:
		err = listDir(ctx, v, e, func(e manifest.Entry) error { return show(joinPath(path, e.Name), e.Name, e) })
	}
	if ferr := t.flush(); err == nil {
		err = ferr
	}
	return err
}

func listDir(ctx context.Context, v *engine.Version, dir manifest.Entry, f func(manifest.Entry) error) error {
	d, err := manifest.OpenDir(v.Source(), dir)
	if err != nil {
		return err
	}
	for e, err := range d.List(ctx, "") {
		if err != nil {
			return err
		}
		if err := f(e); err != nil {
			return err
		}
	}
	return nil
}

// resolve finds what a reference names. The path is clean.
func resolve(ctx context.Context, eng engine.Engine, arg string) (*engine.Version, manifest.Entry, string, error) {
	ref, err := registry.ParseRef(arg)
	if err != nil {
		return nil, manifest.Entry{}, "", err
	}
	v, err := eng.Version(ctx, ref)
	if err != nil {
		return nil, manifest.Entry{}, "", err
	}
	e, err := manifest.Resolve(ctx, v.Source(), v.Root(), ref.Path)
	if err != nil {
		err = fmt.Errorf("%s: %w", shown(arg), err)
		if errors.Is(err, manifest.ErrNotDir) { // below a file there is nothing
			err = &kindError{err, engine.KindNotFound, "'afs-engine ls' lists what is there"}
		}
		return nil, manifest.Entry{}, "", err
	}
	return v, e, ref.Path, nil
}
