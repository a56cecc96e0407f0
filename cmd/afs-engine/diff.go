package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/source"
)

func (a *app) diffCommand() *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use:     "diff A B",
		GroupID: groupRead,
		Short:   "what changed between two versions, or directories",
		Long: `List what changed from A to B. Each is a reference, or a local directory; what
reads as a reference is one, so write ./a@1 for a directory of that name.

  A path    added              T path    file, directory or link turned into another
  D path    deleted            m path    only attributes changed
  M path    content changed

Attributes are mode, time, names of one file (hard links) and, of a local
directory if asked for, owner and extended attributes: ask for what the version
was ingested with.

What is equal is skipped as a whole: between two versions the cost follows the
size of the change.`,
		Example: `  afs-engine diff go/toolchain@1.26.0 go/toolchain@1.26.1
  afs-engine diff app/web@latest ./build --exclude '*.map' --no-attrs
  afs-engine diff --exit-code app/web@3.0.0:static app/web@3.1.0:static`,
		Args:              nargs(2, 2),
		ValidArgsFunction: a.completeRefs,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.diff(cmd.Context(), &f, args[0], args[1]) },
	}
	cmd.Flags().BoolVar(&f.exitCode, "exit-code", false, "exit 2 if there are differences")
	cmd.Flags().BoolVar(&f.noAttrs, "no-attrs", false, "do not list paths of which only attributes changed")
	f.attrFlags.register(cmd.Flags())
	f.filterFlags.register(cmd.Flags())
	f.registerFiles(cmd.Flags())
	return cmd
}

// diffFlags are the flags of diff. Filter and attributes are for local
// directories.
type diffFlags struct {
	filterFlags
	attrFlags
	exitCode, noAttrs bool
}

// side is one of the two that are compared.
type side struct {
	src  manifest.Source
	root manifest.Entry
}

func (a *app) diff(ctx context.Context, f *diffFlags, argA, argB string) error {
	var o source.Options
	err := f.attrFlags.apply(&o)
	if err == nil {
		o.Filter, err = f.build()
	}
	if err != nil {
		return err
	}
	compare := func(eng engine.Engine, p chunker.Params) error {
		var sides [2]side
		unread := int64(0)
		for i, arg := range []string{argA, argB} {
			if isLocal(arg) {
				scanned, err := engine.Scan(ctx, source.Dir(arg, o), p, a.engineSettings(), "")
				if err != nil {
					return err
				}
				defer scanned.Close()
				a.noteProblems(scanned.Problems, scanned.MoreProblems)
				unread += int64(len(scanned.Problems)) + scanned.MoreProblems
				sides[i] = side{scanned.Source(), scanned.Root()}
				continue
			}
			v, e, _, err := resolve(ctx, eng, arg)
			if err != nil {
				return err
			}
			if e.Kind != manifest.Dir {
				return usagef("%s is a %s: want two directories", shown(arg), e.Kind)
			}
			sides[i] = side{v.Source(), e}
		}
		if err := a.printDiff(ctx, f, sides); err != nil || unread == 0 {
			return err
		}
		return fmt.Errorf("%w: %d of them, the comparison is without them", engine.ErrIncomplete, unread)
	}
	if isLocal(argA) && isLocal(argB) {
		return compare(nil, params())
	}
	return a.withStore(ctx, refuse, func(eng engine.Engine) error { return compare(eng, eng.Info().Chunker) })
}

// isLocal tells a local directory from a reference.
func isLocal(arg string) bool {
	if arg == "." || arg == ".." || strings.HasPrefix(arg, "/") || strings.HasPrefix(arg, "./") || strings.HasPrefix(arg, "../") {
		return true
	}
	if _, err := registry.ParseRef(arg); err == nil {
		return false
	}
	info, err := os.Stat(arg)
	return err == nil && info.IsDir()
}

type changeLine struct {
	Change  string     `json:"change"`
	Path    string     `json:"path"`
	PathB64 []byte     `json:"path_b64,omitempty"`
	Old     *entryLine `json:"old,omitempty"`
	New     *entryLine `json:"new,omitempty"`
}

// diffLine sums a diff up.
type diffLine struct {
	Added    int64 `json:"added"`
	Deleted  int64 `json:"deleted"`
	Modified int64 `json:"modified"`
	Types    int64 `json:"types_changed"`
	Attrs    int64 `json:"attrs_changed"`
}

func (d diffLine) total() int64 { return d.Added + d.Deleted + d.Modified + d.Types + d.Attrs }

func (a *app) printDiff(ctx context.Context, f *diffFlags, s [2]side) error {
	var sum diffLine
	for c, err := range manifest.Diff(ctx, s[0].src, s[0].root, s[1].src, s[1].root) {
		if err != nil {
			return err
		}
		if c.Kind == manifest.AttrsChanged && f.noAttrs {
			continue
		}
		if err := a.printChange(c, &sum); err != nil {
			return err
		}
	}
	if err := a.printDiffSum(sum); err != nil {
		return err
	}
	if f.exitCode && sum.total() > 0 {
		return errDifferent
	}
	return nil
}

func (a *app) printChange(c manifest.Change, sum *diffLine) error {
	letter, word, color := "M", "modified", yellow
	n := &sum.Modified
	switch c.Kind {
	case manifest.Added:
		letter, word, color, n = "A", "added", green, &sum.Added
	case manifest.Removed:
		letter, word, color, n = "D", "deleted", red, &sum.Deleted
	case manifest.TypeChanged:
		letter, word, n = "T", "type", &sum.Types
	case manifest.AttrsChanged:
		letter, word, n = "m", "attrs", &sum.Attrs
	}
	*n++
	if !a.out.json {
		path := c.Path
		if path == "" {
			path = "." // the root itself
		}
		return a.out.printf("%s %s\n", a.out.paint(color, letter), shown(path))
	}
	l := changeLine{Change: word, Path: c.Path, PathB64: b64(c.Path)}
	if c.Old != nil {
		e := describeEntry(c.Path, *c.Old)
		l.Old = &e
	}
	if c.New != nil {
		e := describeEntry(c.Path, *c.New)
		l.New = &e
	}
	return a.out.emit("change", l)
}

func (a *app) printDiffSum(sum diffLine) error {
	if a.out.json {
		return a.out.emit("diff", sum)
	}
	if sum.total() == 0 {
		a.note("no differences")
		return nil
	}
	a.note("%s added, %s deleted, %s modified, %s of another type, %s with other attributes",
		count(sum.Added), count(sum.Deleted), count(sum.Modified), count(sum.Types), count(sum.Attrs))
	return nil
}
