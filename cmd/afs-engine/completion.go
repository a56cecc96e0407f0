package main

import (
	"bytes"

	"github.com/spf13/cobra"
)

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "completion SHELL",
		GroupID: groupOther,
		Short:   "a script that completes verbs, flags and references",
		Long: `Print a script that makes bash, zsh or fish complete verbs, flags, references
and the paths in them.`,
		Example: `  source <(afs-engine completion bash)
  afs-engine completion zsh > "${fpath[1]}/_afs-engine"
  afs-engine completion fish > ~/.config/fish/completions/afs-engine.fish`,
		Args: nargs(1, 1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return []cobra.Completion{"bash", "zsh", "fish"}, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.completion(cmd, args[0]) },
	}
}

// bashBreaks keeps bash from taking the '@' of a reference for the end of a
// word. Completion of host names, the one that relies on it, is rarely used.
const bashBreaks = "COMP_WORDBREAKS=${COMP_WORDBREAKS//@/}\n"

type completionLine struct {
	Shell  string `json:"shell"`
	Script string `json:"script"`
}

func (a *app) completion(cmd *cobra.Command, shell string) error {
	var script bytes.Buffer
	var err error
	switch shell {
	case "bash":
		script.WriteString(bashBreaks)
		err = cmd.Root().GenBashCompletionV2(&script, true)
	case "zsh":
		err = cmd.Root().GenZshCompletion(&script)
	case "fish":
		err = cmd.Root().GenFishCompletion(&script, true)
	default:
		return usagef("completion: no script for %q, only for bash, zsh and fish", shell)
	}
	if err != nil {
		return err
	}
	if a.out.json {
		return a.out.emit("completion", completionLine{shell, script.String()})
	}
	_, err = a.out.Write(script.Bytes())
	return err
}
