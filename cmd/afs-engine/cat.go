package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/manifest"
)

func (a *app) catCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "cat REF:PATH",
		GroupID: groupRead,
		Short:   "print a file",
		Long: `Write the bytes of a file to stdout. With --json they come as lines with the
fields offset and data_b64.`,
		Example: `  afs-engine cat go/toolchain@1.26.0:VERSION
  afs-engine cat app/web@latest:static/index.html | less`,
		Args:              nargs(1, 1),
		ValidArgsFunction: a.completeFirstRef,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.cat(cmd.Context(), args[0]) },
	}
}

func (a *app) cat(ctx context.Context, arg string) error {
	return a.withStore(ctx, refuse, func(eng engine.Engine) error {
		v, e, path, err := resolve(ctx, eng, arg)
		if err != nil {
			return err
		}
		switch {
		case path == "":
			return usagef("%s: want REF:PATH, the path of a file", arg)
		case e.Kind == manifest.Dir:
			return engine.WithHint(usagef("%s is a directory", shown(arg)), "'afs-engine ls' lists it, 'afs-engine restore' writes all of it")
		case e.Kind == manifest.Symlink:
			return engine.WithHint(usagef("%s is a symbolic link to %s", shown(arg), shown(e.Target)), "name the file it points at")
		case a.out.json:
			err = writeFile(ctx, v, e, &jsonContent{out: a.out})
		default:
			err = writeFile(ctx, v, e, a.out)
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", shown(arg), err)
		}
		return nil
	})
}

type contentLine struct {
	Offset int64  `json:"offset"`
	Data   []byte `json:"data_b64"`
}

// jsonContent writes bytes as JSON lines.
type jsonContent struct {
	out    *output
	offset int64
}

func (w *jsonContent) Write(b []byte) (int, error) {
	const lineMax = 64 << 10
	for n := 0; n < len(b); {
		part := b[n:min(n+lineMax, len(b))]
		if err := w.out.emit("content", contentLine{w.offset, part}); err != nil {
			return n, err
		}
		n += len(part)
		w.offset += int64(len(part))
	}
	return len(b), nil
}
