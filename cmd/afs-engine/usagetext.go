package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is how wide the descriptions of flags get, in columns.
const helpWidth = 88

// usageText is the part of a command's help that follows its description.
func usageText(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage:\n  %s\n", cmd.UseLine())
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	for _, g := range cmd.Groups() {
		listCommands(&b, g.Title, cmd, func(c *cobra.Command) bool { return c.GroupID == g.ID })
	}
	listCommands(&b, "Verbs:", cmd, func(c *cobra.Command) bool { return c.GroupID == "" && c.Runnable() })
	listCommands(&b, "Topics of help:", cmd, func(c *cobra.Command) bool { return c.IsAdditionalHelpTopicCommand() })
	if cmd.HasParent() {
		listFlags(&b, "Flags:", cmd.LocalFlags())
		listFlags(&b, "Flags of every verb:", cmd.InheritedFlags())
	} else {
		listFlags(&b, "Flags of every verb:", cmd.LocalFlags())
	}
	return b.String()
}

func listCommands(b *strings.Builder, title string, parent *cobra.Command, in func(*cobra.Command) bool) {
	for _, c := range parent.Commands() {
		if c.Hidden || !in(c) {
			continue
		}
		if title != "" {
			fmt.Fprintf(b, "\n%s\n", title)
			title = ""
		}
		fmt.Fprintf(b, "  %-11s %s\n", c.Name(), c.Short)
	}
}

func listFlags(b *strings.Builder, title string, fs *pflag.FlagSet) {
	if fs.HasAvailableFlags() {
		fmt.Fprintf(b, "\n%s\n%s", title, fs.FlagUsagesWrapped(helpWidth))
	}
}
