package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/registry"
)

func (a *app) discardCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "discard REF",
		GroupID: groupWrite,
		Short:   "forget a draft",
		Long:    `Forget the draft REF. A published version cannot be discarded.`,
		Example: `  afs-engine ls --drafts
  afs-engine discard app/suite@1.0.0`,
		Args:              nargs(1, 1),
		ValidArgsFunction: a.completeDrafts,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.discard(cmd.Context(), args[0]) },
	}
}

func (a *app) discard(ctx context.Context, arg string) error {
	ref, err := versionRef(arg)
	if err != nil {
		return err
	}
	return a.withStore(ctx, refuse, func(eng engine.Engine) error {
		if err := eng.Discard(ctx, ref); err != nil {
			return err
		}
		if a.out.json {
			return a.out.emit("discard", refLine{ref.String()})
		}
		return a.out.printf("discarded %s\n", ref)
	})
}

type refLine struct {
	Ref string `json:"ref"`
}

// versionRef is a reference to a version as a whole.
func versionRef(arg string) (registry.Ref, error) {
	ref, err := registry.ParseRef(arg)
	if err == nil && ref.Path != "" {
		err = usagef("%s: want a version, without a path", arg)
	}
	return ref, err
}
