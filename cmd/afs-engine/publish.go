package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/engine"
)

func (a *app) publishCommand() *cobra.Command {
	var f publishFlags
	cmd := &cobra.Command{
		Use:     "publish REF",
		GroupID: groupWrite,
		Short:   "publish a draft",
		Long: `Turn the draft REF, made by 'ingest --draft', into a published version. From then
on it is visible and never changes. Labels are added to those of the draft.`,
		Example: `  afs-engine ingest --draft ./bin app/suite@1.0.0:bin
  afs-engine ingest --draft ./doc app/suite@1.0.0:doc
  afs-engine publish app/suite@1.0.0 --tag stable`,
		Args:              nargs(1, 1),
		ValidArgsFunction: a.completeDrafts,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := f.options()
			if err != nil {
				return err
			}
			return a.publish(cmd.Context(), args[0], o)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

func (a *app) publish(ctx context.Context, arg string, o engine.PublishOptions) error {
	ref, err := versionRef(arg)
	if err != nil {
		return err
	}
	return a.withStore(ctx, refuse, func(eng engine.Engine) error {
		res, err := eng.Publish(ctx, ref, o)
		if err != nil {
			return err
		}
		if a.out.json {
			return a.printIngest(res)
		}
		return a.out.printf("%s %s: %s, %s\n", res.State, res.Ref, files(res.Files), size(res.Bytes))
	})
}
