package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/source"
)

// Limits of a batch.
const (
	batchLineMax  = 1 << 20 // bytes of one line
	batchLinesMax = 1 << 20 // lines
	batchShownMax = 100     // bad lines that are listed
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

func (a *app) ingestBatch(ctx context.Context, f *ingestFlags) error {
	if f.jobs < 1 || f.jobs > jobsMax {
		return usagef("--jobs %d: want 1 to %d", f.jobs, jobsMax)
	}
	jobs, err := a.readBatch(ctx, f)
	if err != nil || len(jobs) == 0 {
		return err
	}
	return a.withStore(ctx, f.ifMissing(), func(eng engine.Engine) error {
		var (
			p      engine.Progress
			failed atomic.Int64
			group  errgroup.Group
		)
		stop := a.progress(ctx, fmt.Sprintf("ingest of %s", plural(int64(len(jobs)), "source", "sources")), &p, nil)
		group.SetLimit(f.jobs)
		for _, job := range jobs {
			group.Go(func() error {
				err := a.runBatchJob(ctx, eng, job, &p)
				if err != nil && ctx.Err() == nil {
					failed.Add(1)
					a.fail(ctx, err, job.ref)
					return a.out.flush()
				}
				return err
			})
		}
		err := group.Wait()
		stop()
		if n := failed.Load(); err == nil && n > 0 {
			err = fmt.Errorf("%w: %d of %s failed", engine.ErrIncomplete, n, plural(int64(len(jobs)), "source", "sources"))
			return engine.WithHint(err, "fix what is listed and run the batch again: what is published already is skipped")
		}
		return err
	})
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

// readBatch parses and checks every line before any of them runs. Bad lines
// are all listed, with their numbers.
func (a *app) readBatch(ctx context.Context, f *ingestFlags) ([]batchJob, error) {
	in, name := untilDone(ctx, a.stdin), "stdin"
	if f.batch != "-" {
		file, err := os.Open(f.batch)
		if err != nil {
			return nil, argError(fmt.Errorf("read batch: %w", err), "check the path of --batch")
		}
		defer file.Close()
		in, name = untilDone(ctx, file), f.batch // it may be a named pipe
	}
	var jobs []batchJob
	bad, lines := 0, 0
	scan := bufio.NewScanner(in)
	scan.Buffer(nil, batchLineMax)
	for scan.Scan() {
		if lines++; lines > batchLinesMax {
			return nil, usagef("%s: more than %d lines", name, batchLinesMax)
		}
		if len(bytes.TrimSpace(scan.Bytes())) == 0 {
			continue
		}
		job, err := f.parseBatchLine(scan.Bytes(), a.env)
		if err == nil {
			jobs = append(jobs, job)
			continue
		}
		if bad++; bad <= batchShownMax {
			a.badLine(name, lines, err)
		}
	}
	if err := scan.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, usagef("%s:%d: a line over %s", name, lines+1, size(batchLineMax))
	} else if err != nil {
		return nil, fmt.Errorf("read batch: %w", err)
	}
	if bad > 0 {
		return nil, engine.WithHint(usagef("%s: %s, nothing was ingested", name, plural(int64(bad), "bad line", "bad lines")), "see 'afs-engine ingest --help'")
	}
	return jobs, nil
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

// parseBatchLine checks all of a line that can be checked without running it.
func (f *ingestFlags) parseBatchLine(text []byte, env func(string) string) (batchJob, error) {
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
	if job.req, err = f.request(ref); err != nil {
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
	job.opts, err = f.sourceOptions(env, l.Exclude...)
	return job, err
}
