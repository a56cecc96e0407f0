package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// How much is read from a mount: sequentially from the largest files, and at
// random places, as many reads as go in the time.
const (
	seqBytes    = 128 << 20
	largeFiles  = 16
	randReads   = 2000
	randSeconds = 1.5
)

// pair is a workload on a fresh mount with caches dropped, and again.
type pair struct {
	cold, warm string
	command    string // in {at}
	reader     bool   // it is this program's reader, and says itself how long it took
}

// pairs are the workloads of a mount. {large} are the largest files.
func (b *bout) pairs() []pair {
	large := func(total int64) string {
		var names []string
		for _, f := range largest(b.files, largeFiles, total) {
			names = append(names, shellQuoted("", f.path))
		}
		return strings.Join(names, " ")
	}
	all := int64(1) << 40
	random := fmt.Sprintf("{afs} bench read --random --operations {operations} --seconds %g", randSeconds)
	return []pair{
		{FindCold, FindWarm, "find . >/dev/null", false},
		{ListCold, ListWarm, "ls -lR . >/dev/null", false},
		{SeqCold, SeqWarm, "{afs} bench read --block 1MiB " + large(seqBytes), true},
		{Rand4KCold, Rand4KWarm, random + " --block 4KiB " + large(all), true},
		{Rand128KCold, Rand128KWarm, random + " --block 128KiB " + large(all), true},
		{TarCold, TarWarm, "tar -cf - . | cat >/dev/null", false},
	}
}

// mounts does the workloads of every mount that a contender has.
func (b *bout) mounts(ctx context.Context, e *entry) error {
	if len(e.Mounts) == 0 {
		for _, w := range Workloads() {
			if w.Mount {
				if _, err := b.has(e, w.Name, ""); err != nil {
					return err
				}
				break // one line says it all
			}
		}
		return nil
	}
	for _, m := range e.Mounts {
		if m.Slow && b.rep > 1 {
			continue
		}
		start := b.o.Now()
		if err := b.mount(ctx, e, m); err != nil {
			return err
		}
		if m.Slow {
			b.doneOnce(start)
		}
	}
	return nil
}

func (b *bout) mount(ctx context.Context, e *entry, m Mount) error {
	if !b.wants(b.corpus, MountReady) && !b.wantsAny(b.corpus, mountWorkloads()...) {
		return nil
	}
	as := *e
	if m.Name != "" {
		as.Name = m.Name
	}
	row := b.row(&as, MountReady)
	note := absent(m.Needs, m.Packages)
	if m.Root && os.Geteuid() != 0 {
		note = "only root can mount it"
	}
	if note != "" {
		if b.rep > 1 {
			return nil
		}
		row.Status, row.Note = Skipped, note
		return b.add(row)
	}
	last := b.newest()
	p := b.places(e, last, b.corpus.Releases[last].Name)
	p["mnt"] = filepath.Join(b.home(e), "mnt-"+as.Name)
	if err := os.MkdirAll(p["mnt"], 0o700); err != nil {
		return fmt.Errorf("make a mount point: %w", err)
	}
	ready := b.wants(b.corpus, MountReady) && m.Command != ""
	for _, pr := range b.pairs() {
		if !b.wantsAny(b.corpus, pr.cold, pr.warm) && !ready {
			continue
		}
		if ok, err := b.freshMount(ctx, e, &as, m, p, pr, &ready); !ok {
			return err
		}
	}
	return nil
}

func mountWorkloads() []string {
	var names []string
	for _, w := range Workloads() {
		if w.Mount {
			names = append(names, w.Name)
		}
	}
	return names
}

// freshMount drops the caches, mounts, does a pair of workloads, and unmounts.
// It reports whether more can be done with such a mount.
func (b *bout) freshMount(ctx context.Context, e, as *entry, m Mount, p places, pr pair, ready *bool) (bool, error) {
	cold := !b.o.KeepCaches && dropCaches()
	row := b.row(as, MountReady)
	row.Release, row.Cold = p["release"], &cold
	s, err := b.startMount(ctx, e, m, p)
	row.Command, row.Seconds, row.PeakBytes, row.CPUSeconds = b.shown(s.line), s.seconds, s.peak(), s.cpu()
	if err != nil {
		_, err := b.keep(ctx, row, err)
		return false, errors.Join(err, s.end())
	}
	if *ready {
		*ready = false
		err = b.add(row)
	}
	if err == nil {
		err = b.pair(ctx, as, s, p, pr, cold)
	}
	err = errors.Join(err, s.end())
	return err == nil, err
}

// pair does a workload twice on a mount that nobody has touched.
func (b *bout) pair(ctx context.Context, as *entry, s *session, p places, pr pair, cold bool) error {
	// The Go runtime's signals to itself would reach the file system as a wish to
	// stop reading, which some obey.
	env := append(os.Environ(), "GODEBUG=asyncpreemptoff=1")
	q := places{"afs": b.o.Self, "operations": fmt.Sprint(randReads)}
	for _, name := range []string{pr.cold, pr.warm} {
		row := b.row(as, name)
		row.Release = p["release"]
		if name == pr.cold {
			row.Cold = &cold
			if !cold {
				row.Note = "not cold: the kernel's caches were not dropped, which only root can do"
			}
		}
		line, err := q.line(pr.command)
		if err != nil {
			return err
		}
		row.Command = "cd " + b.shown(s.at) + " && " + b.shown(line)
		before := s.cpu()
		u, err := measureWithin(ctx, b.o.MountLimit, line, s.at, env)
		row.take(u)
		row.CPUSeconds += s.cpu() - before
		row.PeakBytes = max(s.peak(), 0)
		if err == nil && pr.reader {
			var read ReadResult
			if err = json.Unmarshal(u.stdout, &read); err == nil {
				row.Seconds, row.Operations, row.InputBytes = read.Seconds, read.Operations, read.Bytes
				row.P99Seconds = read.P99Seconds
				q["operations"] = fmt.Sprint(read.Operations) // again: the same reads
			}
		}
		if err == nil && name == pr.warm && name == TarWarm && b.rep == 1 {
			err = sameTree(p["src"], s.at)
			same := err == nil
			row.Same = &same
		}
		if !b.wants(b.corpus, name) && err == nil {
			continue
		}
		if ok, err := b.keep(ctx, row, err); !ok {
			return err
		}
	}
	return nil
}
