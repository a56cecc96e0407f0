package main

import (
	"context"
	"fmt"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/engine"
)

func (a *app) statsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "stats",
		GroupID: groupKeep,
		Short:   "what the store holds, and what it saves",
		Long: `Print what the store holds: as if every version were stored apart (logical), what
is left when nothing is stored twice (unique), and what it takes (stored).`,
		Example: `  afs-engine stats
  afs-engine stats --json`,
		Args:              nargs(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return a.stats(cmd.Context()) },
	}
}

type statsLine struct {
	Store string `json:"store"`
	ID    string `json:"id"`
	engine.Stats
}

func (a *app) stats(ctx context.Context) error {
	loc, err := a.location()
	if err != nil {
		return err
	}
	return a.withStore(ctx, refuse, func(eng engine.Engine) error {
		s, err := eng.Stats(ctx)
		if err != nil {
			return err
		}
		if a.out.json {
			return a.out.emit("stats", statsLine{loc, eng.Info().ID, s})
		}
		t := newTable(a.out, "<<")
		for _, r := range [][]string{
			{"store", loc},
			{"id", eng.Info().ID},
			{"versions", count(s.Versions) + ", and " + plural(s.Drafts, "draft", "drafts")},
			{"files", count(s.Files)},
			{"logical", bytesText(s.LogicalBytes)},
			{"unique", bytesText(s.UniqueBytes) + times(s.LogicalBytes, s.UniqueBytes)},
			{"stored", bytesText(s.StoredBytes) + times(s.LogicalBytes, s.StoredBytes)},
			{"packs", count(s.Packs) + ", " + size(s.PackBytes) + ", of which " + size(s.DeadBytes) + " dead"},
			{"chunks", count(s.Chunks) + ", and " + plural(s.Nodes, "node", "nodes")},
		} {
			if err := t.row(r...); err != nil {
				return err
			}
		}
		return t.flush()
	})
}

// times is how much smaller part is than whole.
func times(whole, part int64) string {
	if part <= 0 || float64(whole) < 1.05*float64(part) {
		return "" // nothing to boast of
	}
	return fmt.Sprintf(", %.1f times less", float64(whole)/float64(part))
}

// statsOf is what a mount says about the space of its file system.
func statsOf(eng engine.Engine) func(context.Context) (int64, int64, error) {
	return func(ctx context.Context) (int64, int64, error) {
		s, err := eng.Stats(ctx)
		return s.LogicalBytes, s.Files, err
	}
}

func errnoOf(err error) syscall.Errno { return engine.KindOf(err).Errno() }
