package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/engine"
)

const docFile = "../../docs/cli.md"

// TestDocsAreOfThisCommand holds docs/cli.md to the commands and flags that
// exist; -update rewrites the parts of it that are generated.
func TestDocsAreOfThisCommand(t *testing.T) {
	old, err := os.ReadFile(filepath.FromSlash(docFile))
	if err != nil {
		t.Fatal(err)
	}
	doc := string(old)
	root := newApp(stdio{strings.NewReader(""), io.Discard, io.Discard}, nil).rootCommand()
	for name, text := range map[string]string{
		"exit-codes": docExitCodes(),
		"flags":      "```text\n" + root.PersistentFlags().FlagUsagesWrapped(helpWidth) + "```\n",
		"verbs":      docVerbs(root),
	} {
		if doc, err = replaceSection(doc, name, text); err != nil {
			t.Fatal(err)
		}
	}
	if *update {
		if err := os.WriteFile(filepath.FromSlash(docFile), []byte(doc), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if doc != string(old) {
		t.Error("docs/cli.md is not what the command says of itself: run go test ./cmd/afs-engine -update")
	}
}

// replaceSection replaces what stands between the marks of a section.
func replaceSection(doc, name, text string) (string, error) {
	begin, end := "<!-- generated: "+name+" -->\n", "<!-- end: "+name+" -->\n"
	before, rest, ok := strings.Cut(doc, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return "", fmt.Errorf("docs/cli.md has no section %s", name)
	}
	return before + begin + text + end + after, nil
}

func docExitCodes() string {
	var b strings.Builder
	b.WriteString("| code | kind | meaning |\n|---:|---|---|\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "| %d | `%s` | %s |\n", e.kind.ExitCode(), e.kind, e.meaning)
	}
	return b.String()
}

func docVerbs(root *cobra.Command) string {
	var b strings.Builder
	for _, g := range root.Groups() {
		fmt.Fprintf(&b, "## %s\n\n", strings.TrimSuffix(g.Title, ":"))
		for _, cmd := range root.Commands() {
			if cmd.GroupID == g.ID && cmd.Name() != "help" {
				docVerb(&b, cmd)
			}
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func docVerb(b *strings.Builder, cmd *cobra.Command) {
	if cmd.Hidden {
		return
	}
	if cmd.HasExample() {
		fmt.Fprintf(b, "### %s\n\n", strings.TrimPrefix(cmd.CommandPath(), "afs-engine "))
		fmt.Fprintf(b, "%s.\n\n```text\n%s\n\n%s\n\n%s\n", upperFirst(cmd.Short), cmd.UseLine(), cmd.Long, cmd.Example)
		cmd.InitDefaultHelpFlag()
		if flags := cmd.NonInheritedFlags().FlagUsagesWrapped(helpWidth); flags != "" {
			fmt.Fprintf(b, "\n%s", flags)
		}
		b.WriteString("```\n\n")
	}
	for _, sub := range cmd.Commands() {
		docVerb(b, sub)
	}
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// TestEveryKindOfErrorIsExplained holds the table of exit codes to the
// engine's: every kind stands in it once, under its own number.
func TestEveryKindOfErrorIsExplained(t *testing.T) {
	explained := map[engine.Kind]bool{}
	for _, e := range exitCodes {
		if explained[e.kind] {
			t.Errorf("kind %v stands in the table twice", e.kind)
		}
		explained[e.kind] = true
	}
	for code := range 256 {
		kind := engine.Kind(code)
		known := kind == engine.KindInternal || kind.String() != engine.KindInternal.String()
		if known != explained[kind] {
			t.Errorf("exit code %d (%v): known to the engine %v, explained %v", code, kind, known, explained[kind])
		}
	}
}

// TestDocsExitCodesAreTheEngines reads the table in the docs back, so that an
// edit by hand is seen, too.
func TestDocsExitCodesAreTheEngines(t *testing.T) {
	doc, err := os.ReadFile(filepath.FromSlash(docFile))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := bytes.Cut(doc, []byte("<!-- generated: exit-codes -->\n"))
	table, _, _ = bytes.Cut(table, []byte("<!-- end: exit-codes -->"))
	rows := 0
	for line := range strings.Lines(string(table)) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		code, err := strconv.Atoi(strings.TrimSpace(cells[1]))
		if err != nil {
			continue // the head
		}
		rows++
		if got, want := strings.Trim(cells[2], " `"), engine.Kind(code).String(); got != want {
			t.Errorf("exit code %d is %q in docs/cli.md, %q in the engine", code, got, want)
		}
	}
	if rows != len(exitCodes) {
		t.Errorf("docs/cli.md has %d exit codes, want %d", rows, len(exitCodes))
	}
}

// TestEveryVerbHelps holds help to its promise: a newcomer finds out what a
// verb does, and how it is typed.
func TestEveryVerbHelps(t *testing.T) {
	var check func(*cobra.Command)
	check = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			check(sub)
		}
		if !cmd.Runnable() || !cmd.HasParent() || cmd.Name() == "help" {
			return
		}
		if cmd.Short == "" || cmd.Long == "" {
			t.Errorf("%s: not described", cmd.CommandPath())
		}
		if cmd.Example == "" && !cmd.HasSubCommands() {
			t.Errorf("%s: no example", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Long + "\n" + cmd.Example) {
			if len([]rune(strings.TrimRight(line, "\n"))) > 90 {
				t.Errorf("%s: a line too long for a terminal: %s", cmd.CommandPath(), line)
			}
		}
	}
	check(newApp(stdio{strings.NewReader(""), io.Discard, io.Discard}, nil).rootCommand())
}
