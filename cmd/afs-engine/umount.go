package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/fusefs"
)

func (a *app) umountCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "umount DIR",
		GroupID: groupRead,
		Short:   "end a mount",
		Long: `Unmount the file system that 'afs-engine mount' shows at DIR. The process that
serves it ends.`,
		Example: `  afs-engine umount /mnt/afs`,
		Args:    nargs(1, 1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.umount(args[0]) },
	}
}

type umountLine struct {
	Dir string `json:"dir"`
}

func (a *app) umount(arg string) error {
	dir, err := filepath.Abs(arg)
	if err != nil {
		return err
	}
	if err := fusefs.Unmount(dir); err != nil {
		return mountError(err)
	}
	if a.out.json {
		return a.out.emit("umount", umountLine{dir})
	}
	return a.out.printf("unmounted %s\n", dir)
}
