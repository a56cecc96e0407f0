package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/engine"
)

func (a *app) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "serve",
		GroupID: groupKeep,
		Short:   "keep the store open for other processes of this machine",
		Long: `Keep the store open until ctrl-c or SIGTERM, which end it with exit code 0.

Nothing needs this: whoever comes first opens the store, and the others reach it
through that process. But opening takes a moment, longer for a large store, and a
process that stays saves it to all that come and go.`,
		Example: `  afs-engine serve &
  systemd-run --user afs-engine serve`,
		Args: nargs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context()) },
	}
}

type serveLine struct {
	Store string `json:"store"`
	PID   int    `json:"pid"`
}

// server is an engine whose store other processes can share.
type server interface {
	Serve(ctx context.Context) error
}

func (a *app) serve(ctx context.Context) error {
	loc, err := a.location()
	if err != nil {
		return err
	}
	if loc == memLocation {
		return usagef("serve: a store in memory is this process's alone")
	}
	return a.withStore(ctx, refuse, func(eng engine.Engine) error {
		s, ok := eng.(server)
		if !ok {
			return usagef("serve: %s is served elsewhere", loc)
		}
		line := serveLine{Store: loc, PID: os.Getpid()}
		if a.out.json {
			err = a.out.emit("serve", line)
		} else {
			err = a.out.printf("serving %s (ctrl-c to end)\n", loc)
		}
		if err == nil {
			err = a.out.flush()
		}
		if err != nil {
			return err
		}
		return s.Serve(ctx)
	})
}
