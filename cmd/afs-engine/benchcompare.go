package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/bench"
	"github.com/artifortress/afs-engine/bench/contender"
	"github.com/artifortress/afs-engine/engine"
)

func (a *app) benchCompareCommand() *cobra.Command {
	var exitCode, all bool
	cmd := &cobra.Command{
		Use:   "compare OLD NEW",
		Short: "what changed between two runs, beyond noise",
		Long: `Compare two results files of 'afs-engine bench'. A change is shown if the values of
the two runs lie apart, further than the values of either run lie from each other,
and further than the other tools, which did not change, moved as well. --all shows
the rest, too.`,
		Example: `  afs-engine bench compare old/results.json new/results.json
  afs-engine bench compare old.json new.json --exit-code      2 if afs-engine got worse`,
		Args: nargs(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			older, err := loadResults(args[0])
			if err != nil {
				return err
			}
			newer, err := loadResults(args[1])
			if err != nil {
				return err
			}
			c := bench.Compare(older, newer, contender.Subject)
			if err := a.printComparison(c, all); err != nil {
				return err
			}
			if exitCode && len(c.Regressions(contender.Subject)) > 0 {
				return errDifferent
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 2 if afs-engine got worse")
	cmd.Flags().BoolVar(&all, "all", false, "show changes within the noise, too")
	return cmd
}

func loadResults(path string) (*bench.Results, error) {
	r, err := bench.Load(path)
	switch {
	case errors.Is(err, bench.ErrSchema):
		return nil, engine.WithHint(usagef("%s", err), "name a results.json that 'afs-engine bench' wrote")
	case errors.Is(err, fs.ErrNotExist):
		return nil, &kindError{err, engine.KindNotFound, "name a results.json that 'afs-engine bench' wrote"}
	}
	return r, err
}

type benchChangeLine struct {
	Corpus    string  `json:"corpus"`
	Contender string  `json:"contender"`
	Metric    string  `json:"metric"`
	Unit      string  `json:"unit"`
	Old       float64 `json:"old"` // medians
	New       float64 `json:"new"`
	Ratio     float64 `json:"ratio"` // above 1 is worse
	Noise     float64 `json:"noise"`
	Beyond    bool    `json:"beyond"`
}

func (a *app) printComparison(c bench.Comparison, all bool) error {
	for _, n := range c.Notes {
		a.note("doubtful: %s", n)
	}
	t := newTable(a.out, "<<<>>>")
	shown := 0
	for _, ch := range c.Changes {
		if !ch.Beyond && !all {
			continue
		}
		shown++
		line := benchChangeLine{ch.Corpus, ch.Contender, ch.Metric.Name, string(ch.Metric.Unit), ch.Old.Median, ch.New.Median, ch.Ratio, ch.Noise, ch.Beyond}
		if a.out.json {
			if err := a.out.emit("change", line); err != nil {
				return err
			}
			continue
		}
		mark := ""
		switch {
		case ch.Beyond && ch.Ratio > 1:
			mark = a.out.paint(red, "worse")
		case ch.Beyond:
			mark = a.out.paint(green, "better")
		}
		if err := t.row(ch.Corpus, ch.Contender, ch.Metric.Name, measured(ch.Metric.Unit, ch.Old.Median), measured(ch.Metric.Unit, ch.New.Median), fmt.Sprintf("%+.1f%%", 100*(ch.Ratio-1)), mark); err != nil {
			return err
		}
	}
	if err := t.flush(); err != nil || a.out.json {
		return err
	}
	if shown == 0 {
		return a.out.printf("no change beyond noise in %s\n", plural(int64(len(c.Changes)), "number", "numbers"))
	}
	return nil
}

// measured is a number with its unit.
func measured(u bench.Unit, v float64) string {
	switch u {
	case bench.Bytes:
		return size(int64(v))
	case bench.Seconds:
		return fmt.Sprintf("%.4g s", v)
	}
	return fmt.Sprintf("%.2f", v)
}
