package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/manifest"
)

func (a *app) infoCommand() *cobra.Command {
	var checksums string
	cmd := &cobra.Command{
		Use:     "info REF[:PATH]",
		GroupID: groupRead,
		Short:   "all about a version, or a path in it",
		Long: `Print what is known about a version: its content id and attributes id, its size,
its labels, who published it and when. Two versions with the same content id hold
the same bytes under the same names.

--checksums sha256 reads every file and prints lines that 'sha256sum --check'
takes, instead.`,
		Example: `  afs-engine info go/toolchain@latest
  afs-engine info go/toolchain@1.26.0:bin --checksums sha256 > SHA256SUMS`,
		Args:              nargs(1, 1),
		ValidArgsFunction: a.completeFirstRef,
		RunE: func(cmd *cobra.Command, args []string) error {
			if checksums != "" && checksums != "sha256" {
				return usagef("--checksums %s: only sha256 is known", checksums)
			}
			return a.info(cmd.Context(), args[0], checksums != "")
		},
	}
	cmd.Flags().StringVar(&checksums, "checksums", "", "print a checksum of every file: `KIND` is sha256")
	return cmd
}

func (a *app) info(ctx context.Context, arg string, checksums bool) error {
	return a.withStore(ctx, refuse, func(eng engine.Engine) error {
		v, e, path, err := resolve(ctx, eng, arg)
		switch {
		case err != nil:
			return err
		case checksums:
			return a.checksums(ctx, v, e, path)
		case path != "":
			return a.infoEntry(path, e)
		}
		return a.infoVersion(v)
	})
}

func (a *app) infoVersion(v *engine.Version) error {
	if a.out.json {
		return a.out.emit("version", describeVersion(&v.Version))
	}
	t := newTable(a.out, "")
	rows := [][2]string{
		{"ref", v.Ref.String()},
		{"state", v.State.String()},
		{"content id", v.Version.Root.Content.String()},
		{"attributes id", v.Version.Root.Attrs.String()},
		{"files", count(v.Summary.Files)},
		{"bytes", bytesText(v.Summary.Bytes)},
		{"time", when(v.Time)},
		{"actor", v.Actor},
		{"client", v.Client},
		{"sequence", fmt.Sprint(v.Sequence)},
	}
	for _, k := range slices.Sorted(maps.Keys(v.Labels)) {
		rows = append(rows, [2]string{"label " + shown(k), shown(v.Labels[k])})
	}
	for _, p := range v.Incomplete {
		rows = append(rows, [2]string{"missing", shown(p)})
	}
	for _, r := range rows {
		if err := t.row(r[0], r[1]); err != nil {
			return err
		}
	}
	return t.flush()
}

func (a *app) infoEntry(path string, e manifest.Entry) error {
	if a.out.json {
		return a.out.emit("entry", describeEntry(path, e))
	}
	rows := [][2]string{
		{"path", shown(path)},
		{"kind", e.Kind.String()},
		{"mode", modeText(e)},
		{"time", when(e.Attr.MTime)},
	}
	switch e.Kind {
	case manifest.Dir:
		rows = append(rows, [2]string{"content id", e.Tree.String()},
			[2]string{"files", count(e.Summary.Files)}, [2]string{"bytes", bytesText(e.Summary.Bytes)})
	case manifest.Symlink:
		rows = append(rows, [2]string{"target", shown(e.Target)})
	default:
		rows = append(rows, [2]string{"bytes", bytesText(e.Size)})
	}
	t := newTable(a.out, "")
	for _, r := range rows {
		if err := t.row(r[0], r[1]); err != nil {
			return err
		}
	}
	return t.flush()
}

// bytesText is a size both exactly and shortly.
func bytesText(n int64) string { return count(n) + " (" + size(n) + ")" }
