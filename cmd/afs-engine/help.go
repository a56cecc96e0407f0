package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/engine"
)

// exitCodes says in words what engine.Kind's numbers mean.
var exitCodes = []struct {
	kind    engine.Kind
	meaning string
}{
	{engine.KindOK, "done"},
	{engine.KindInternal, "internal error: a defect, please report it"},
	{engine.KindDifferent, "differences found (diff --exit-code)"},
	{engine.KindPartial, "partly done: what failed is listed"},
	{engine.KindNotFound, "not found: no such store, version, path or file"},
	{engine.KindBusy, "busy: another process uses the store"},
	{engine.KindDenied, "denied by permissions"},
	{engine.KindCorrupt, "corrupt: stored data is damaged"},
	{engine.KindConflict, "conflict: the name is taken by other content"},
	{engine.KindUnavailable, "unavailable: trying again later helps"},
	{engine.KindNoSpace, "no space, or over quota"},
	{engine.KindThawing, "thawing: the data is being brought back from a cold tier"},
	{engine.KindRefused, "refused: a newer format, a hold or a policy stands against it"},
	{engine.KindUsage, "usage: the command line or the configuration is wrong"},
	{engine.KindInterrupted, "interrupted (SIGINT)"},
	{engine.KindTerminated, "terminated (SIGTERM)"},
}

func exitCodesText() string {
	var b strings.Builder
	b.WriteString("Every ending has an exit code. With --json, \"kind\" names it as well.\n\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "  %3d  %-12s  %s\n", e.kind.ExitCode(), e.kind, e.meaning)
	}
	b.WriteString(`
An exit code that is not in this list means failure. If stdout is closed while
results are written, as head does, the code is 141 and nothing is printed.`)
	return b.String()
}

func exitCodesTopic() *cobra.Command {
	return &cobra.Command{Use: "exit-codes", Short: "what the exit codes mean", Long: exitCodesText()}
}

func referencesTopic() *cobra.Command {
	return &cobra.Command{Use: "references", Short: "how versions and paths in them are named", Long: `A reference names a published version, or a path in it:

  REPO/PACKAGE@VERSION[:PATH]

  go/toolchain@1.26.0              a version
  go/toolchain@latest              a tag: the version published last
  npm/@babel/core@7.26.0           a package whose name has several segments
  go/toolchain@1.26.0:src/cmd      a directory in a version
  go/toolchain@root-4f1c…          the content with that id (64 hex digits, see info)

It is cut at the first ':', what follows is PATH; the left part is cut at its
last '@'. Segments of REPO and PACKAGE consist of letters, digits and . _ + ~ -
and may begin with '@'; VERSION has the same letters. PATH is any bytes,
relative to the version's root; '..' is refused.

Publishing moves the tag latest (--no-latest leaves it), and 'afs-engine tag'
makes others. Within a package a name is a version or a tag, never both. Once
published, a version's name never means anything else. A mount has the same
names: MOUNT/REPO/PACKAGE@VERSION/PATH, with tags as symbolic links.`}
}

func environmentTopic() *cobra.Command {
	return &cobra.Command{Use: "environment", Short: "where the store is; variables and the configuration file", Long: `A setting comes from its flag, else from the environment, else from the
configuration file $XDG_CONFIG_HOME/afs-engine/config.toml (~/.config/…):

  flag          environment      key in the file
  --store       AFS_STORE        store = "/srv/artifacts"
  --json        AFS_JSON         json = true
  --quiet       AFS_QUIET        quiet = true
  --verbose     AFS_VERBOSE      verbose = 1
  --log-format  AFS_LOG_FORMAT   log-format = "json"
  --no-color    AFS_NO_COLOR     no-color = true
  --memory      AFS_MEMORY       memory = "256MiB"
  --jobs        AFS_JOBS         jobs = 4

The file also names stores, which --store @NAME then uses:

  [stores.ci]
  location = "/srv/ci-artifacts"

Unknown keys are errors. A location is a directory; mem: is an empty store that
lasts as long as the process, for trying things out. Without any, the store is
$XDG_DATA_HOME/afs-engine (~/.local/share/afs-engine). The first ingest makes it.

Other variables: NO_COLOR (no colours), SOURCE_DATE_EPOCH (the time that
ingest --reproducible gives to files, in seconds since 1970), TMPDIR (where
sorting that does not fit in memory goes, and a batch that comes through a
pipe), XDG_STATE_HOME (where mount --daemon writes its log), XDG_CACHE_HOME
(~/.cache: the index of a store that can be read and not written is kept in
afs-engine/STORE-ID there; it may be deleted).`}
}

// helpCommand is cobra's, with errors for topics that do not exist.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [VERB|TOPIC]",
		Short:   "help about a verb or a topic",
		GroupID: groupOther,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
			var names []cobra.Completion
			for _, c := range cmd.Root().Commands() {
				if len(args) == 0 && !c.Hidden && strings.HasPrefix(c.Name(), word) {
					names = append(names, cobra.CompletionWithDesc(c.Name(), c.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			at := cmd.Root()
			for _, name := range args {
				var next *cobra.Command
				for _, c := range at.Commands() {
					if c.Name() == name {
						next = c
					}
				}
				if next == nil {
					return noSuchVerb(at, []string{name})
				}
				at = next
			}
			at.InitDefaultHelpFlag()
			return at.Help()
		},
	}
}
