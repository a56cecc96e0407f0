package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/scrub"
)

func (a *app) verifyCommand() *cobra.Command {
	var readData string
	cmd := &cobra.Command{
		Use:     "verify",
		GroupID: groupKeep,
		Short:   "check that everything published is there and whole",
		Long: `Check that every published version is complete: each node and chunk that it needs
is in a pack that is in the store. With --read-data every byte of every pack is
read and checked as well, or of a part of the packs chosen at random.

Each problem is printed as it is found, with what it affects. Exit 13 if there
is any.`,
		Example: `  afs-engine verify
  afs-engine verify --read-data
  afs-engine verify --read-data=5 --json               a sample, every night`,
		Args:              nargs(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := scrubOptions(readData)
			if err != nil {
				return err
			}
			return a.verify(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&readData, "read-data", "", "read all data too, or `PERCENT` of the packs")
	cmd.Flags().Lookup("read-data").NoOptDefVal = "100"
	return cmd
}

func scrubOptions(readData string) (scrub.Options, error) {
	if readData == "" {
		return scrub.Options{}, nil
	}
	p, err := strconv.ParseFloat(strings.TrimSuffix(readData, "%"), 64)
	if err != nil || !(p > 0 && p <= 100) {
		return scrub.Options{}, usagef("--read-data=%s: want a percentage above 0, up to 100", readData)
	}
	if p == 100 {
		p = 0 // all, not a sample of all
	}
	return scrub.Options{ReadData: true, Percent: p}, nil
}

func (a *app) verify(ctx context.Context, o scrub.Options) error {
	return a.withStore(ctx, refuse, func(eng engine.Engine) error {
		var p engine.Progress
		o.Progress = func(done, total int64) {
			p.Bytes.Store(done)
			p.TotalBytes.Store(total)
		}
		stop := a.progress(ctx, "verify", &p, nil)
		r, err := eng.Verify(ctx, o, func(p scrub.Problem) { a.printProblem(p) })
		stop()
		if err != nil {
			return err
		}
		if err := a.printVerify(r); err != nil {
			return err
		}
		if r.Problems > 0 {
			err := fmt.Errorf("%w: %s found", engine.ErrDamaged, plural(r.Problems, "problem", "problems"))
			return engine.WithHint(err, "restore the objects named from a copy, or ingest the affected versions' content again under a new name")
		}
		return nil
	})
}

// problemLine is a problem in JSON, with paths that may be no UTF-8.
type problemLine struct {
	scrub.Problem
	Affected []affectedLine `json:"affected,omitempty"`
}

type affectedLine struct {
	Ref     string `json:"ref"`
	Path    string `json:"path"`
	PathB64 []byte `json:"path_b64,omitempty"`
}

func (a *app) printProblem(p scrub.Problem) {
	// A failure to write shows again at the last flush.
	defer a.out.flush()
	if a.out.json {
		line := problemLine{Problem: p}
		for _, x := range p.Affected {
			line.Affected = append(line.Affected, affectedLine{x.Ref, x.Path, b64(x.Path)})
		}
		_ = a.out.emit("problem", line)
		return
	}
	var where []string
	if p.Object != "" {
		where = append(where, p.Object)
	}
	if p.Object != "" && p.Offset >= 0 {
		where = append(where, fmt.Sprintf("offset %d", p.Offset))
	}
	if !p.Chunk.IsZero() {
		where = append(where, "chunk "+p.Chunk.String())
	}
	_ = a.out.printf("%s %s: %s\n", a.out.paint(red, "damaged"), strings.Join(where, ", "), oneLine(p.Reason))
	for _, id := range p.Lost {
		if id != p.Chunk {
			_ = a.out.printf("  loses chunk %s\n", id)
		}
	}
	if more := p.LostChunks - int64(len(p.Lost)); more > 0 {
		_ = a.out.printf("  and %s more\n", count(more))
	}
	for _, x := range p.Affected {
		ref := x.Ref
		if x.Path != "" {
			ref += ":" + x.Path
		}
		_ = a.out.printf("  affects %s\n", shown(ref))
	}
	if p.Versions > 0 {
		_ = a.out.printf("  in %s\n", plural(p.Versions, "version", "versions"))
	}
}

func (a *app) printVerify(r scrub.Result) error {
	if a.out.json {
		return a.out.emit("verify", r)
	}
	verdict := "no problems"
	if r.Problems > 0 {
		verdict = plural(r.Problems, "problem", "problems")
	}
	return a.out.printf("%s: %s, %s nodes, %s chunks, %s, %s read (%s)\n", verdict,
		plural(r.Versions, "version", "versions"), count(r.Nodes), count(r.Chunks), plural(r.Packs, "pack", "packs"), size(r.Bytes), span(r.Seconds))
}
