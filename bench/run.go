package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Options are a run's settings.
type Options struct {
	Self       string           // this program: it is {afs}
	Work       string           // directory, absolute, in which the run makes one of its own; that one is removed
	Tmpfs      string           // directory in memory for RestoreTmpfs; "": none
	Cache      string           // where the corpora are: the rows' commands call it $CACHE
	Out        string           // results file, written after every row
	Reps       int              // repetitions
	Budget     time.Duration    // a further repetition that would not end in this time is left out; 0: no limit
	Limit      time.Duration    // a command that takes longer is ended, and its row is Over; 0: no limit
	MountLimit time.Duration    // the same for what reads from a mount
	KeepCaches bool             // leave the kernel's caches alone, which others on this machine use, too: nothing is cold
	Workloads  []string         // names; nil: all, those of mounts on corpora that are meant for it
	Contenders []Contender      //
	Now        func() time.Time // nil: time.Now
	Log        func(string)     // a line for people; nil: silence
	Settle     func()           // has what was written reach the disk, before each command; nil: sync(2)
}

// Errors of a run that ends early. What was measured until then is in the
// results file.
var (
	ErrNoSpace = errors.New("no space left for the benchmark")
	ErrOptions = errors.New("wrong options")
)

// spaceFactor is how many times the size of a corpus a run needs in its work
// directory: three contenders keep every release whole, the others are smaller,
// and there is a restored copy.
const spaceFactor = 6

// spaceMin is how little space may be left before a failed command counts as a
// full disk, in bytes.
const spaceMin = 64 << 20

// run is a run under way.
type run struct {
	o       Options
	res     *Results
	noise   *noiseWatch
	start   time.Time
	entries []*entry // contenders that take part
}

// entry is a contender that takes part, with what holds for the whole run.
type entry struct {
	Contender
	tool string
}

// Run measures. corpora come from a function for each, so that one that cannot
// be had is a line of the results and not the end of the run. When ctx ends, or
// the disk is full, it returns the results up to then and the error.
func Run(ctx context.Context, o Options, corpora []func(context.Context) (Corpus, error)) (*Results, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	if o.Settle == nil {
		o.Settle = syscall.Sync
	}
	for _, name := range o.Workloads {
		if _, ok := workload(name); !ok {
			return nil, fmt.Errorf("%w: there is no workload %q", ErrOptions, name)
		}
	}
	if o.Reps < 1 || len(o.Contenders) == 0 || !filepath.IsAbs(o.Work) {
		return nil, fmt.Errorf("%w: at least one repetition, one contender, and an absolute work directory", ErrOptions)
	}
	if err := os.MkdirAll(o.Work, 0o755); err != nil {
		return nil, fmt.Errorf("make the work directory: %w", err)
	}
	work, err := os.MkdirTemp(o.Work, "run-")
	if err != nil {
		return nil, fmt.Errorf("make the work directory: %w", err)
	}
	defer os.Remove(work) // a repetition leaves it empty, and complains if it cannot
	o.Work = work
	r := &run{o: o, start: o.Now(), noise: watchNoise()}
	r.res = &Results{Schema: Schema, Started: r.start.UTC().Truncate(time.Second), Host: DescribeHost(o.Work), Reps: o.Reps, Rows: []Row{}}
	if err = r.enroll(ctx); err == nil {
		err = r.measure(ctx, corpora)
	}
	if err == nil {
		r.res.Complete = true
	} else {
		r.res.Stopped = err.Error()
	}
	return r.res, errors.Join(err, r.save())
}

// enroll asks every contender for its version.
func (r *run) enroll(ctx context.Context) error {
	for _, c := range r.o.Contenders {
		info := ContenderInfo{Name: c.Name, About: c.About, Skipped: absent(c.Needs, c.Packages)}
		if info.Skipped == "" {
			info.Tool = r.version(ctx, c)
			r.entries = append(r.entries, &entry{Contender: c, tool: info.Tool})
		} else {
			r.o.Log(c.Name + ": left out: " + info.Skipped)
		}
		r.res.Contenders = append(r.res.Contenders, info)
		for _, m := range c.Mounts {
			if m.Name != "" {
				r.res.Contenders = append(r.res.Contenders, ContenderInfo{Name: m.Name, About: m.About, Tool: info.Tool, Skipped: absent(m.Needs, m.Packages)})
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return r.save()
}

// version is the first line of what a contender says of itself. Some say it on
// stderr, some end with an error.
func (r *run) version(ctx context.Context, c Contender) string {
	line, err := places{"afs": r.o.Self}.line(c.Version)
	if err != nil {
		return ""
	}
	out, err := shell(ctx, line+" 2>&1", r.o.Work, []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "HOME=" + r.o.Work}).Output()
	if err != nil && len(out) == 0 {
		return ""
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return first
}

// measure gets all corpora, and then has a repetition on each before the next
// one on the first: what the machine does meanwhile spreads over all of them.
func (r *run) measure(ctx context.Context, corpora []func(context.Context) (Corpus, error)) error {
	var bouts []*bout
	for _, open := range corpora {
		b, err := r.corpus(ctx, open)
		if err != nil {
			return err
		}
		if b != nil {
			bouts = append(bouts, b)
		}
	}
	for rep := 1; rep <= r.o.Reps; rep++ {
		for _, b := range bouts {
			if most := b.corpus.Part.Reps; most > 0 && rep > most {
				continue
			}
			if rep > 1 && r.o.Budget > 0 && r.o.Now().Sub(r.start)+b.took > r.o.Budget {
				r.res.LeftOut++
				r.o.Log(fmt.Sprintf("%s: repetition %d left out: it would not end in time", b.corpus.Name, rep))
				continue
			}
			start := r.o.Now()
			if err := b.repetition(ctx, rep); err != nil {
				return err
			}
			b.took = r.o.Now().Sub(start) - b.once
		}
	}
	return nil
}

// corpus gets a corpus. One that cannot be had is a line of the results, and
// nil.
func (r *run) corpus(ctx context.Context, open func(context.Context) (Corpus, error)) (*bout, error) {
	c, err := open(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	info := CorpusInfo{Name: c.Name, About: c.About, Part: c.Part.String()}
	var b *bout
	if err == nil {
		b, err = r.prepare(c, &info)
	}
	if err != nil {
		info.Skipped = err.Error()
		r.o.Log(c.Name + ": left out: " + info.Skipped)
	}
	r.res.Corpora = append(r.res.Corpora, info)
	if errors.Is(err, ErrNoSpace) {
		return nil, err
	}
	return b, r.save()
}

// prepare surveys a corpus and sees that there is room for it.
func (r *run) prepare(c Corpus, info *CorpusInfo) (*bout, error) {
	b := &bout{run: r, corpus: c, bases: c.bases(), fresh: map[string]int64{}, dead: map[string]bool{}}
	var total int64
	for _, rel := range c.Releases {
		i, files, err := survey(rel)
		if err != nil {
			return nil, err
		}
		info.Releases = append(info.Releases, i)
		total += i.Bytes
		b.files = files // of the newest, in the end
	}
	b.info = info.Releases
	free, err := freeBytes(r.o.Work)
	if err != nil {
		return nil, err
	}
	if need := spaceFactor * total; free < need {
		return nil, fmt.Errorf("%w: %s needs about %d MB in %s, which has %d MB left", ErrNoSpace, c.Name, need/1e6, r.o.Work, free/1e6)
	}
	return b, nil
}

// wants reports whether a workload is to be run on a corpus.
func (r *run) wants(c Corpus, name string) bool {
	if r.o.Workloads != nil {
		return slices.Contains(r.o.Workloads, name)
	}
	if c.Part.Workloads != nil {
		return slices.Contains(c.Part.Workloads, name)
	}
	w, _ := workload(name)
	return !w.Mount || c.Mounts
}

// wantsAny reports whether one of some workloads is to be run.
func (r *run) wantsAny(c Corpus, names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return r.wants(c, n) })
}

// add keeps a row, at once.
func (r *run) add(row Row) error {
	r.res.Rows = append(r.res.Rows, row)
	if err := r.save(); err != nil {
		return err
	}
	r.o.Log(describe(row))
	return nil
}

func (r *run) save() error {
	r.res.Seconds = r.o.Now().Sub(r.start).Seconds()
	r.res.Noise = r.noise.report()
	if r.o.Out == "" {
		return nil
	}
	return r.res.Save(r.o.Out)
}

// describe is a row as a line.
func describe(row Row) string {
	what := fmt.Sprintf("%s %s %d: %-12s %s", row.Corpus, row.Release, row.Rep, row.Contender, row.Workload)
	switch {
	case row.Status != OK:
		return what + ": " + string(row.Status) + ": " + row.Note
	case row.Note != "":
		what += " (" + row.Note + ")"
	}
	return fmt.Sprintf("%s: %.3f s", what, row.Seconds)
}
