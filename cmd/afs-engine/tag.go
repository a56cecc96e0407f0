package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/registry"
)

func (a *app) tagCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "tag REF NAME",
		GroupID: groupWrite,
		Short:   "make a tag point at a version",
		Long: `Make the tag NAME of REF's package point at the version REF. A tag that exists
moves. Within a package a name is a version or a tag, never both.`,
		Example: `  afs-engine tag go/toolchain@1.26.0 stable
  afs-engine tag go/toolchain@latest tested`,
		Args:              nargs(2, 2),
		ValidArgsFunction: a.completeFirstRef,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.tag(cmd.Context(), args[0], args[1]) },
	}
}

type tagLine struct {
	Ref    string `json:"ref"`    // the tag
	Target string `json:"target"` // the version it points at
}

func (a *app) tag(ctx context.Context, arg, name string) error {
	ref, err := versionRef(arg)
	if err != nil {
		return err
	}
	if err := registry.CheckVersion(name); err != nil {
		return err
	}
	return a.withStore(ctx, refuse, func(eng engine.Engine) error {
		if err := eng.Tag(ctx, ref, name); err != nil {
			return err
		}
		v, err := eng.Version(ctx, ref.WithVersion(name))
		if err != nil {
			return err
		}
		line := tagLine{ref.WithVersion(name).String(), v.Ref.Version}
		if a.out.json {
			return a.out.emit("tag", line)
		}
		return a.out.printf("%s -> %s\n", line.Ref, line.Target)
	})
}
