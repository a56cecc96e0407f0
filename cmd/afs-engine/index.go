package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/engine"
)

func (a *app) indexCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "index VERB",
		GroupID: groupKeep,
		Short:   "look after the index, which can be made anew at any time",
		Long: `The index finds chunks and names quickly. All that it holds follows from the
objects in the store.`,
		Args: noSuchVerb,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "rebuild",
		Short: "make the index anew from the store alone",
		Long: `Throw the index away and make it anew from the commit log and the packs. Nothing
that was acknowledged is lost. A store whose index is missing does this by itself.`,
		Example:               `  afs-engine index rebuild`,
		Args:                  nargs(0, 0),
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     cobra.NoFileCompletions,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return a.indexRebuild(cmd.Context()) },
	})
	return cmd
}

func (a *app) indexRebuild(ctx context.Context) error {
	return a.withStore(ctx, refuse, func(eng engine.Engine) error {
		r, err := eng.RebuildIndex(ctx)
		if err != nil {
			return err
		}
		if a.out.json {
			return a.out.emit("index-rebuild", r)
		}
		return a.out.printf("rebuilt the index: %s from %s and %s, %d adopted (%s)\n",
			plural(r.Versions, "version", "versions"), plural(r.Records, "record", "records"), plural(r.Packs, "pack", "packs"), r.Adopted, span(r.Seconds))
	})
}
