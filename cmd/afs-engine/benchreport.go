package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/bench/contender"
	"github.com/artifortress/afs-engine/bench/report"
	"github.com/artifortress/afs-engine/engine"
)

func (a *app) benchReportCommand() *cobra.Command {
	var html bool
	cmd := &cobra.Command{
		Use:   "report RESULTS",
		Short: "make a report of a results file anew",
		Long: `Print the report of a results file of 'afs-engine bench', as Markdown or as one HTML
page that needs nothing else. The same results always make the same report. What go
test -bench printed, in a file inner.txt beside the results, becomes part of it.`,
		Example: `  afs-engine bench report results.json
  afs-engine bench report results.json --html > report.html`,
		Args: nargs(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			res, err := loadResults(args[0])
			if err != nil {
				return err
			}
			in, err := loadInner(filepath.Join(filepath.Dir(args[0]), "inner.txt"))
			if err != nil {
				return err
			}
			r := report.New(res, contender.Subject).WithInner(in)
			if html {
				return r.HTML(a.out)
			}
			return a.out.printf("%s", r.Markdown())
		},
	}
	cmd.Flags().BoolVar(&html, "html", false, "as an HTML page")
	return cmd
}

// loadInner reads the results of inner loops; there need be none.
func loadInner(path string) (*report.Inner, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the inner loops: %w", err)
	}
	in, err := report.ParseInner(string(b))
	if err != nil {
		return nil, engine.WithHint(usagef("%s: %s", path, err), "it is to hold what 'go test -bench' printed")
	}
	return in, nil
}
