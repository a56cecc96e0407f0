package main

import (
	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/bench/contender"
	"github.com/artifortress/afs-engine/bench/report"
)

func (a *app) benchReportCommand() *cobra.Command {
	var html bool
	cmd := &cobra.Command{
		Use:   "report RESULTS",
		Short: "make a report of a results file anew",
		Long: `Print the report of a results file of 'afs-engine bench', as Markdown or as one HTML
page that needs nothing else. The same results always make the same report.`,
		Example: `  afs-engine bench report results.json
  afs-engine bench report results.json --html > report.html`,
		Args: nargs(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			res, err := loadResults(args[0])
			if err != nil {
				return err
			}
			r := report.New(res, contender.Subject)
			if html {
				return r.HTML(a.out)
			}
			return a.out.printf("%s", r.Markdown())
		},
	}
	cmd.Flags().BoolVar(&html, "html", false, "as an HTML page")
	return cmd
}
