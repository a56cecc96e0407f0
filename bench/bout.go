package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// bout is one corpus under measurement.
type bout struct {
	*run
	corpus Corpus
	bases  []string
	info   []ReleaseInfo
	files  []file           // of the newest release
	fresh  map[string]int64 // contender → stored bytes of the newest release alone
	dead   map[string]bool  // contenders that failed: they take no further part
	took   time.Duration    // the last repetition, without what is done once
	once   time.Duration    // of this repetition: what no other one has to do
	rep    int
}

// Releases that are stored besides the corpus's: the newest once more.
const (
	rereadName = "reread"
	againName  = "again"
)

func (b *bout) newest() int { return len(b.corpus.Releases) - 1 }

// repetition has every contender do everything once, one phase after the other.
func (b *bout) repetition(ctx context.Context, rep int) (err error) {
	b.rep, b.once = rep, 0
	defer func() { err = errors.Join(err, clearDir(b.o.Work)) }()
	if err := clearDir(b.o.Work); err != nil {
		return err
	}
	b.noise.sample()
	for _, phase := range []func(context.Context, *entry) error{b.ingest, b.restore, b.mounts, b.reclaim} {
		for i := range b.entries {
			e := b.entries[(i+rep-1)%len(b.entries)]
			if b.dead[e.Name] || e.Slow && rep > 1 || slices.Contains(b.corpus.Part.Without, e.Name) {
				continue
			}
			if err := b.turn(ctx, e, phase); err != nil {
				return err
			}
		}
	}
	return nil
}

// turn has a contender do a phase. What a slow one takes is taken once.
func (b *bout) turn(ctx context.Context, e *entry, phase func(context.Context, *entry) error) error {
	if e.Slow {
		once := b.once
		start := b.o.Now()
		defer func() { b.once = once + b.o.Now().Sub(start) }()
	}
	return phase(ctx, e)
}

// doneOnce counts the time since start among what no other repetition has to
// do.
func (b *bout) doneOnce(start time.Time) { b.once += b.o.Now().Sub(start) }

// warm reads what a command is going to read, so that every contender finds it in
// the page cache: some put out of there what they have read or written.
func (b *bout) warm(ctx context.Context, command string, p places) error {
	for uses, place := range map[string]string{"{src}": "src", "{dest}": "store"} {
		if !strings.Contains(command, uses) {
			continue
		}
		// What cannot be read, the command will say.
		if _, err := measure(ctx, "find . -type f -exec cat {} + >/dev/null", p[place], os.Environ()); err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// home is a contender's directory.
func (b *bout) home(e *entry) string { return filepath.Join(b.o.Work, e.Name) }

// places of a contender for release i, which it stores as name.
func (b *bout) places(e *entry, i int, name string) places {
	var older []string
	for j, r := range b.corpus.Releases {
		if j != b.newest() {
			older = append(older, r.Name)
		}
	}
	for _, w := range []struct{ workload, name, command string }{{IngestReread, rereadName, e.Reread}, {IngestAgain, againName, e.Again}} {
		if b.wants(b.corpus, w.workload) && w.command != "" {
			older = append(older, w.name)
		}
	}
	home := b.home(e)
	return places{
		"afs":     b.o.Self,
		"src":     b.corpus.Releases[i].Dir,
		"base":    b.bases[i],
		"release": name,
		"newest":  b.corpus.Releases[b.newest()].Name,
		"older":   strings.Join(older, " "),
		"store":   filepath.Join(home, "store"),
		"state":   filepath.Join(home, "state"),
		"dest":    filepath.Join(home, "restored"),
		"mnt":     filepath.Join(home, "mnt"),
	}
}

// env is the environment of a contender's commands: as little as possible.
func (b *bout) env(e *entry, p places) ([]string, error) {
	env := []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "HOME=" + p["state"]}
	for _, kv := range e.Env {
		v, err := p.path(kv)
		if err != nil {
			return nil, err
		}
		env = append(env, v)
	}
	return env, nil
}

// do runs a command of a contender, makes a row of it and, if that is wanted
// and it went well, lets more fill it in before it is kept. It reports whether
// the command went well; the error is for what ends the run.
func (b *bout) do(ctx context.Context, e *entry, workload, command string, p places, more func(*Row) error) (bool, error) {
	if ok, err := b.has(e, workload, command); !ok {
		return false, err
	}
	row := b.row(e, workload)
	row.Release = p["release"]
	line, u, err := b.command(ctx, e, command, p)
	row.Command = b.shown(line)
	row.take(u)
	if err == nil && more != nil {
		err = more(&row)
	}
	return b.keep(ctx, row, err)
}

// has reports whether a contender has a workload; the first time that it has
// not, a row says why.
func (b *bout) has(e *entry, workload, command string) (bool, error) {
	if !b.wants(b.corpus, workload) {
		return false, nil
	}
	if command != "" {
		return true, nil
	}
	if b.rep > 1 {
		return false, nil
	}
	row := b.row(e, workload)
	row.Status, row.Note = Skipped, e.Without[workload]
	if row.Note == "" {
		row.Note = "this tool has nothing of the kind"
	}
	return false, b.add(row)
}

// row begins a row.
func (b *bout) row(e *entry, workload string) Row {
	return Row{
		Corpus: b.corpus.Name, Workload: workload, Contender: e.Name, Tool: e.tool, Rep: b.rep,
		Status: OK, InputBytes: b.info[b.newest()].Bytes, Load: load(),
	}
}

func (row *Row) take(u usage) {
	row.Seconds, row.CPUSeconds, row.PeakBytes, row.WrittenBytes = u.seconds, u.cpu, u.peak, u.written
}

// command runs a command of a contender. What it reads is in the page cache, what
// others have written is on disk by then, and there is memory, so that nobody pays
// for it.
func (b *bout) command(ctx context.Context, e *entry, command string, p places) (line string, u usage, err error) {
	line, err = p.line(command)
	if err != nil {
		return command, u, err
	}
	env, err := b.env(e, p)
	if err != nil {
		return line, u, err
	}
	if err := b.warm(ctx, command, p); err != nil {
		return line, u, err
	}
	b.o.Settle()
	touch(b.info[b.newest()].Bytes + touchSpare)
	u, err = measureWithin(ctx, b.o.Limit, line, p["state"], env)
	return line, u, err
}

// keep adds a row, as a failure if err says so, and tells a full disk from
// other failures.
func (b *bout) keep(ctx context.Context, row Row, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if err == nil {
		return true, b.add(row)
	}
	var over overError
	if errors.As(err, &over) {
		row.take(usage{seconds: over.limit.Seconds()})
		row.Status, row.Note = Over, err.Error()
		return false, b.add(row)
	}
	row.Status, row.Note = Failed, err.Error()
	if err := b.add(row); err != nil {
		return false, err
	}
	free, ferr := freeBytes(b.o.Work)
	if errors.Is(err, syscall.ENOSPC) || ferr == nil && free < spaceMin || strings.Contains(strings.ToLower(err.Error()), syscall.ENOSPC.Error()) {
		return false, fmt.Errorf("%w: %s: %w", ErrNoSpace, row.Contender, err)
	}
	return false, nil
}

// shown is a command as others can read it.
func (b *bout) shown(line string) string {
	old := []string{b.o.Self, "afs-engine", b.o.Work, "$WORK"}
	if b.o.Tmpfs != "" {
		old = append(old, b.o.Tmpfs, "$TMPFS")
	}
	if b.o.Cache != "" {
		old = append(old, b.o.Cache, "$CACHE")
	}
	return strings.NewReplacer(old...).Replace(line)
}

// clearDir removes what is in dir.
func clearDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("clear %s: %w", dir, err)
	}
	for _, e := range entries {
		if err := removeAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("clear %s: %w", dir, err)
		}
	}
	return nil
}

// removeAll also removes what lies in directories that may not be written.
func removeAll(path string) error {
	if os.RemoveAll(path) == nil {
		return nil
	}
	err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			return os.Chmod(p, 0o700)
		}
		return nil
	})
	return errors.Join(err, os.RemoveAll(path))
}
