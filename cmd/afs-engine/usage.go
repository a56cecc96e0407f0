package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/engine"
)

// kindError is an error whose kind the engine does not know.
type kindError struct {
	error
	kind engine.Kind
	hint string
}

func (e *kindError) Unwrap() error { return e.error }

// errDifferent ends diff --exit-code; it is an answer, not a failure.
var errDifferent = &kindError{errors.New("different"), engine.KindDifferent, ""}

// usageError says what is wrong with what was typed. It is engine.ErrUsage.
type usageError struct{ msg string }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

func (e *usageError) Error() string { return e.msg }
func (e *usageError) Unwrap() error { return engine.ErrUsage }

// argError is err about a path that was given as an argument: one that cannot
// even be looked at is a matter of usage, not of the program.
func argError(err error, hint string) error {
	if engine.KindOf(err) == engine.KindInternal {
		err = usagef("%s", err)
	}
	return engine.WithHint(err, hint)
}

// nargs checks the number of arguments; most < 0 means any number from least.
func nargs(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		n := len(args)
		switch {
		case n < least:
			return verbHint(cmd, usagef("%s: %s missing, want: %s", cmd.Name(), plural(int64(least-n), "argument is", "arguments are"), cmd.UseLine()))
		case most >= 0 && n > most:
			return verbHint(cmd, usagef("%s: unexpected argument %q, want: %s", cmd.Name(), args[most], cmd.UseLine()))
		}
		return nil
	}
}

// noSuchVerb is the argument check of commands that only hold other commands.
func noSuchVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := usagef("there is no verb %q in '%s'", args[0], cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = 2
	if s := cmd.SuggestionsFor(args[0]); len(s) > 0 {
		return engine.WithHint(err, "did you mean "+strings.Join(s, " or ")+"?")
	}
	return verbHint(cmd, err)
}

func flagError(cmd *cobra.Command, err error) error {
	return verbHint(cmd, usagef("%s", err))
}

func verbHint(cmd *cobra.Command, err error) error {
	return engine.WithHint(err, "see '"+cmd.CommandPath()+" --help'")
}
