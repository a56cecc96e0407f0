package main

import (
	"io"

	"github.com/spf13/cobra"
)

// The groups of verbs in the help.
const (
	groupWrite = "write"
	groupRead  = "read"
	groupKeep  = "keep"
	groupOther = "other"
)

// rootCommand is the whole command line.
func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "afs-engine VERB",
		Short: "store versions of software artifacts without storing anything twice",
		Long: `afs-engine keeps published versions of software artifacts: toolchains,
packages, images, models. What versions have in common is stored once, what is
published never changes, and every byte is checked when it is read.

References name what is stored: REPO/PACKAGE@VERSION, and REPO/PACKAGE@VERSION:PATH
for a path in it ('afs-engine help references').

The store is a directory: --store, else AFS_STORE, else ~/.local/share/afs-engine.
The first ingest makes it. More settings: 'afs-engine help environment'. What the
exit codes mean: 'afs-engine help exit-codes'.`,
		Example: `  afs-engine ingest ./go1.26.0 go/toolchain@1.26.0     store and publish a directory
  afs-engine ls go/toolchain                           which versions are there
  afs-engine restore go/toolchain@latest ./go          get one back
  afs-engine mount /mnt/afs                            or read them all as files`,
		Args:                  noSuchVerb,
		DisableFlagsInUseLine: true,
		SilenceErrors:         true,
		SilenceUsage:          true,
		PersistentPreRunE:     a.prepare,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		CompletionOptions:     cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetIn(a.stdin)
	root.SetOut(a.out)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(flagError)
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		_, err := io.WriteString(cmd.OutOrStderr(), usageText(cmd))
		return err
	})
	a.set.register(root.PersistentFlags())
	root.AddGroup(
		&cobra.Group{ID: groupWrite, Title: "Put in:"},
		&cobra.Group{ID: groupRead, Title: "Look and get back:"},
		&cobra.Group{ID: groupKeep, Title: "Look after the store:"},
		&cobra.Group{ID: groupOther, Title: "More:"},
	)
	cobra.EnableCommandSorting = false // the order below is the order of use
	root.AddCommand(
		a.ingestCommand(), a.publishCommand(), a.discardCommand(), a.tagCommand(),
		a.lsCommand(), a.logCommand(), a.infoCommand(), a.catCommand(), a.diffCommand(),
		a.restoreCommand(), a.mountCommand(), a.umountCommand(),
		a.initCommand(), a.serveCommand(), a.verifyCommand(), a.statsCommand(), a.indexCommand(), a.estimateCommand(),
		a.benchCommand(), a.completionCommand(), a.versionCommand(),
		referencesTopic(), environmentTopic(), exitCodesTopic(),
	)
	root.SetHelpCommand(helpCommand())
	for _, cmd := range root.Commands() {
		cmd.DisableFlagsInUseLine = true
	}
	return root
}
