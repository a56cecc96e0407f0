package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/registry"
)

func (a *app) logCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "log REPO/PACKAGE",
		GroupID: groupRead,
		Short:   "what happened to a package, newest first",
		Long:    `Print the history of a package, newest first: who published, tagged, drafted what.`,
		Example: `  afs-engine log go/toolchain
  afs-engine log go/toolchain --json | head -1`,
		Args:              nargs(1, 1),
		ValidArgsFunction: a.completeFirstRef,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.history(cmd.Context(), args[0]) },
	}
}

type eventLine struct {
	Sequence uint64    `json:"sequence"`
	Time     time.Time `json:"time"`
	Event    string    `json:"event"`
	Ref      string    `json:"ref"`
	Target   string    `json:"target,omitempty"`
	Actor    string    `json:"actor,omitempty"`
	Files    *int64    `json:"files,omitempty"`
	Bytes    *int64    `json:"bytes,omitempty"`
}

func (a *app) history(ctx context.Context, arg string) error {
	pkg, err := registry.ParsePackage(arg)
	if err != nil {
		return err
	}
	return a.withStore(ctx, refuse, func(eng engine.Engine) error {
		t := newTable(a.out, "<<<<")
		any := false
		for ev, err := range eng.Log(ctx, pkg) {
			if err != nil {
				return err
			}
			any = true
			if err := a.event(t, ev); err != nil {
				return err
			}
		}
		if !any {
			return notFound(arg)
		}
		return t.flush()
	})
}

func (a *app) event(t *table, ev registry.Event) error {
	if a.out.json {
		l := eventLine{Sequence: ev.Sequence, Time: ev.Time.UTC(), Event: string(ev.Kind), Ref: ev.Ref.String(), Target: ev.Target, Actor: ev.Actor}
		if ev.Version != nil {
			l.Files, l.Bytes = &ev.Version.Summary.Files, &ev.Version.Summary.Bytes
		}
		return a.out.emit("event", l)
	}
	what := ev.Ref.String()
	switch {
	case ev.Kind == registry.EventTag:
		what += " -> " + ev.Target
	case ev.Version != nil:
		what += " (" + files(ev.Version.Summary.Files) + ", " + size(ev.Version.Summary.Bytes) + ")"
	}
	return t.row(when(ev.Time), string(ev.Kind), ev.Actor, what)
}
