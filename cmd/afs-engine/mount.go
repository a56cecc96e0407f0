package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/fusefs"
)

func (a *app) mountCommand() *cobra.Command {
	var f mountFlags
	cmd := &cobra.Command{
		Use:     "mount DIR [REF[:PATH]]",
		GroupID: groupRead,
		Short:   "show published versions as a read-only file system",
		Long: `Mount the store at DIR: DIR/REPO/PACKAGE@VERSION/PATH, with tags as symbolic
links. What is published while it is mounted appears at once, and what is taken
away has gone within a second. With REF, DIR is the root of that version, or the
directory of it that REF:PATH names.

The command runs until the file system is unmounted, by ctrl-c, SIGTERM or
'afs-engine umount DIR', which all end it with exit code 0. --daemon puts it in
the background, and returns when the mount can be used.`,
		Example: `  afs-engine mount /mnt/afs
  afs-engine mount --daemon /opt/go go/toolchain@1.26.0
  afs-engine umount /opt/go`,
		Args:              nargs(1, 2),
		ValidArgsFunction: a.completeDirThenRef,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, ref, err := mountArgs(args)
			if err != nil {
				return err
			}
			if f.daemon {
				return a.mountDaemon(cmd.Context(), &f, dir, args[1:])
			}
			parent := openParent(a.env)
			err = a.mount(cmd.Context(), &f, dir, ref, parent)
			if err != nil {
				parent.fail(cmd.Context(), err, a.hintOf(cmd.Context(), err))
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&f.daemon, "daemon", false, "run in the background")
	cmd.Flags().BoolVar(&f.allowOther, "allow-other", false, "let other users read it, too")
	return cmd
}

type mountFlags struct{ daemon, allowOther bool }

func mountArgs(args []string) (dir string, ref *registry.Ref, err error) {
	if dir, err = filepath.Abs(args[0]); err != nil {
		return "", nil, err
	}
	if len(args) > 1 {
		r, err := registry.ParseRef(args[1])
		if err != nil {
			return "", nil, err
		}
		ref = &r
	}
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return "", nil, argError(fmt.Errorf("mount: %w", err), "create the directory first")
	case !info.IsDir():
		return "", nil, usagef("mount: %s is not a directory", dir)
	}
	return dir, ref, nil
}

// inodesShare is the part of --memory that inodes may take: they are most of
// what a mount holds besides the index and the frames in its cache.
const inodesShare = 4

type mountLine struct {
	Store string `json:"store"`
	Dir   string `json:"dir"`
	Ref   string `json:"ref,omitempty"`
	PID   int    `json:"pid"`
}

// mount serves the file system until it is unmounted or ctx ends, which is
// the ordinary way to end it and no error.
func (a *app) mount(ctx context.Context, f *mountFlags, dir string, ref *registry.Ref, parent *parent) error {
	loc, err := a.location()
	if err != nil {
		return err
	}
	return a.withStore(ctx, refuse, func(eng engine.Engine) error {
		line := mountLine{Store: loc, Dir: dir, PID: os.Getpid()}
		if ref != nil {
			v, _, path, err := resolve(ctx, eng, ref.String()) // a tag keeps meaning what it means now
			if err != nil {
				return err
			}
			pinned := v.Ref
			pinned.Path = path
			ref, line.Ref = &pinned, pinned.String()
		}
		srv, err := fusefs.Mount(dir, eng, fusefs.Options{
			Ref:        ref,
			AllowOther: f.allowOther,
			Logger:     a.log,
			StoreName:  loc,
			InodesMax:  int(a.memory / inodesShare / fusefs.InodeBytes),
			Stat:       statsOf(eng),
			Errno:      errnoOf,
		})
		if err != nil {
			return mountError(err)
		}
		done := make(chan struct{})
		go func() {
			srv.Wait()
			close(done)
		}()
		err = a.mounted(line, parent)
		if err == nil {
			select {
			case <-done:
				return nil
			case <-ctx.Done():
			}
		}
		if uerr := srv.Unmount(); err == nil {
			err = mountError(uerr)
		}
		return err
	})
}

// mounted says that the mount can be used: to the parent if there is one that
// waits for it, else on stdout.
func (a *app) mounted(l mountLine, parent *parent) error {
	if parent != nil {
		return parent.tell(daemonReply{OK: true, Ref: l.Ref})
	}
	if err := a.printMounted(l, "ctrl-c to unmount"); err != nil {
		return err
	}
	return a.out.flush()
}

func (a *app) printMounted(l mountLine, how string) error {
	if a.out.json {
		return a.out.emit("mount", l)
	}
	what := l.Store
	if l.Ref != "" {
		what = l.Ref
	}
	return a.out.printf("mounted %s at %s (%s)\n", what, l.Dir, how)
}

// mountError sorts what fusefs has to say.
func mountError(err error) error {
	switch {
	case errors.Is(err, fusefs.ErrMounted):
		return &kindError{err, engine.KindBusy, "choose another DIR, or end that mount with 'afs-engine umount'"}
	case errors.Is(err, fusefs.ErrBusy):
		return &kindError{err, engine.KindBusy, "close what is open in it, and leave it with every shell"}
	case errors.Is(err, fusefs.ErrNotMounted):
		return &kindError{err, engine.KindNotFound, "'findmnt -t fuse.afs' lists the mounts"}
	}
	return err
}

// quoted is an argument as a shell would take it back.
func quoted(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\n'\"\\$&|;<>()*?[]{}~#!`") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
