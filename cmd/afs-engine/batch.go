package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/source"
)

// Limits of a batch.
const (
	batchShownMax = 100 // bad lines that are listed
	jobsMax       = 256
)

// batchLine is a line of a batch file. Unknown fields are errors.
type batchLine struct {
	Source  string            `json:"source"` // a path, relative to the working directory
	Ref     string            `json:"ref"`
	Labels  map[string]string `json:"labels"`
	Tag     string            `json:"tag"`
	Exclude []string          `json:"exclude"`
	Draft   bool              `json:"draft"`
}

// batchJob is a line that has been checked.
type batchJob struct {
	ref    string
	source string
	req    engine.IngestRequest
	opts   source.Options
}

// batch is a batch file, or stdin, with the flags that hold for every line.
type batch struct {
	*batchLines
	flags *ingestFlags
	opts  func() (source.Options, error) // of the flags, made once: a file of patterns may be a pipe
	count int64                          // lines that have a job
}

func newBatch(f *ingestFlags, env func(string) string, lines *batchLines) *batch {
	opts := sync.OnceValues(func() (source.Options, error) { return f.sourceOptions(env) })
	return &batch{batchLines: lines, flags: f, opts: opts}
}

func (a *app) ingestBatch(ctx context.Context, f *ingestFlags) error {
	if f.jobs < 1 || f.jobs > jobsMax {
		return usagef("--jobs %d: want 1 to %d", f.jobs, jobsMax)
	}
	lines, err := a.openBatchLines(ctx, f.batch)
	if err != nil {
		return err
	}
	defer lines.close()
	b := newBatch(f, a.env, lines)
	if err := a.checkBatch(b); err != nil || b.count == 0 {
		return err
	}
	return a.withStore(ctx, f.ifMissing(), func(eng engine.Engine) error { return a.runBatch(ctx, eng, b) })
}

// runBatch reads the lines that checkBatch has seen again, and runs them.
func (a *app) runBatch(ctx context.Context, eng engine.Engine, b *batch) error {
	var (
		p       engine.Progress
		failed  atomic.Int64
		group   errgroup.Group
		sources = plural(b.count, "source", "sources")
	)
	stop := a.progress(ctx, "ingest of "+sources, &p, nil)
	group.SetLimit(b.flags.jobs)
	readErr := b.again(func(n int, text []byte) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		job, err := b.parse(text)
		if err != nil {
			return b.changed(fmt.Sprintf("line %d, which was well when it was checked: %s", n, err))
		}
		group.Go(func() error {
			err := a.runBatchJob(ctx, eng, job, &p)
			if err != nil && ctx.Err() == nil {
				failed.Add(1)
				a.fail(ctx, err, job.ref)
				return a.out.flush()
			}
			return err
		})
		return nil
	})
	err := group.Wait()
	stop()
	if err == nil {
		err = readErr
	}
	if n := failed.Load(); err == nil && n > 0 {
		err = fmt.Errorf("%w: %d of %s failed", engine.ErrIncomplete, n, sources)
		return engine.WithHint(err, "fix what is listed and run the batch again: what is published already is skipped")
	}
	return err
}

func (a *app) runBatchJob(ctx context.Context, eng engine.Engine, job batchJob, p *engine.Progress) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	src, err := a.openSource(ctx, []string{job.source}, "", job.opts)
	if err != nil {
		return err
	}
	job.req.Source, job.req.Progress = src, p
	res, err := eng.Ingest(ctx, job.req)
	if res != nil {
		if perr := a.printIngest(res); err == nil {
			err = perr
		}
	}
	return err
}

// checkBatch parses and counts all lines before any of them runs, and keeps
// none. Bad lines are all listed, with their numbers.
func (a *app) checkBatch(b *batch) error {
	bad := int64(0)
	err := b.each(func(n int, text []byte) error {
		_, err := b.parse(text)
		if err == nil {
			b.count++
			return nil
		}
		if bad++; bad <= batchShownMax {
			a.badLine(b.name, n, err)
		}
		return nil
	})
	if err == nil && bad > 0 {
		err = engine.WithHint(usagef("%s: %s, nothing was ingested", b.name, plural(bad, "bad line", "bad lines")), "see 'afs-engine ingest --help'")
	}
	return err
}

type badLine struct {
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

func (a *app) badLine(name string, line int, err error) {
	if a.out.json {
		_ = a.out.emit("bad-line", badLine{line, oneLine(err.Error())}) // shows again at the flush
		return
	}
	a.complain(slog.LevelError, fmt.Sprintf("%s:%d: %s", name, line, oneLine(err.Error())))
}

// parse checks all of a line that can be checked without running it.
func (b *batch) parse(text []byte) (batchJob, error) {
	var l batchLine
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		return batchJob{}, fmt.Errorf("not a line of a batch: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return batchJob{}, errors.New("more than one JSON value")
	}
	if l.Source == "" || l.Source == "-" {
		return batchJob{}, errors.New("source: want a path")
	}
	ref, err := registry.ParseRef(l.Ref)
	if err != nil {
		return batchJob{}, err
	}
	job := batchJob{ref: l.Ref, source: l.Source}
	if job.req, err = b.flags.request(ref); err != nil {
		return batchJob{}, err
	}
	for k, v := range l.Labels {
		if k == "" {
			return batchJob{}, errors.New("labels: an empty key")
		}
		job.req.Labels[k] = v
	}
	if l.Tag != "" {
		if err := registry.CheckVersion(l.Tag); err != nil {
			return batchJob{}, err
		}
		job.req.Tags = append(slices.Clone(job.req.Tags), l.Tag)
	}
	job.req.Draft = job.req.Draft || l.Draft
	if job.opts, err = b.opts(); err != nil {
		return batchJob{}, err
	}
	job.opts.Filter, err = job.opts.Filter.Without(l.Exclude...)
	return job, err
}
