package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
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
		if err := b.mount(ctx, e, m); err != nil {
			return err
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
		u, err := measure(ctx, line, s.at, os.Environ())
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

// session is a mount while it stands.
type session struct {
	at      string // where the release stands
	line    string
	seconds float64 // until it could be used
	mount   Mount
	mnt     string
	serving *exec.Cmd // nil: the kernel serves
	ended   chan error
	stderr  tail
}

// mountPatience is how long a mount may take to become usable.
const mountPatience = 2 * time.Minute

// startMount mounts and waits until the first of the release's files can be
// seen. The session must be ended even if it failed.
func (b *bout) startMount(ctx context.Context, e *entry, m Mount, p places) (*session, error) {
	s := &session{mount: m, mnt: p["mnt"], stderr: tail{max: outputMax}}
	shows := m.Shows
	if shows == "" {
		shows = "{mnt}"
	}
	var err error
	if s.at, err = p.path(shows); err != nil || m.Command == "" {
		return s, err
	}
	if s.line, err = p.line(m.Command); err != nil {
		return s, err
	}
	env, err := b.env(e, p)
	if err != nil {
		return s, err
	}
	start := time.Now()
	if !m.Serves {
		if _, err := measure(ctx, s.line, p["state"], env); err != nil {
			return s, err
		}
	} else if err := s.serve(ctx, p["state"], env); err != nil {
		return s, err
	}
	err = s.await(ctx, filepath.Join(s.at, b.files[0].path))
	s.seconds = time.Since(start).Seconds()
	return s, err
}

// serve starts the process that serves the mount. It lives until the session's
// end, also when ctx ends before: a mount is unmounted, not killed.
func (s *session) serve(ctx context.Context, dir string, env []string) error {
	cmd := shell(context.WithoutCancel(ctx), s.line, dir, env)
	cmd.Stderr = &s.stderr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.line, err)
	}
	s.serving, s.ended = cmd, make(chan error, 1)
	go func() { s.ended <- cmd.Wait() }()
	return nil
}

// await looks for a file until it is there.
func (s *session) await(ctx context.Context, path string) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(mountPatience)
	for {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-late:
			return errors.New("the mount does not show the release")
		case err := <-s.ended:
			s.serving = nil
			if err = commandError(err, s.stderr.b); err == nil {
				err = errors.New("the process that serves the mount ended")
			}
			return err
		case <-tick.C:
		}
	}
}

// end unmounts. An unmount that fails is tried again while something may still
// hold the mount, and forced in the end.
func (s *session) end() error {
	if s.mount.Command == "" {
		return nil
	}
	var err error
	for range 50 {
		if !mountedAt(s.mnt) {
			err = nil
			break
		}
		var out []byte
		if out, err = unmountCommand(s.mnt, false).CombinedOutput(); err == nil {
			break
		}
		err = fmt.Errorf("unmount %s: %w: %s", s.mnt, err, strings.TrimSpace(string(out)))
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		_ = unmountCommand(s.mnt, true).Run() // the last means; err tells
	}
	if s.serving != nil {
		select {
		case <-s.ended:
		case <-time.After(patience):
			_ = s.serving.Cancel()
			<-s.ended
		}
	}
	return err
}

func (s *session) peak() int64 {
	if s.serving == nil {
		return 0
	}
	return treePeak(s.serving.Process.Pid)
}

func (s *session) cpu() float64 {
	if s.serving == nil {
		return 0
	}
	return treeCPU(s.serving.Process.Pid)
}

func unmountCommand(dir string, lazy bool) *exec.Cmd {
	args := []string{dir}
	if lazy {
		args = []string{"-l", dir}
	}
	if os.Geteuid() == 0 {
		return exec.Command("umount", args...)
	}
	if lazy {
		args[0] = "-z"
	}
	return exec.Command("fusermount3", append([]string{"-u"}, args...)...)
}

func mountedAt(dir string) bool {
	b, err := os.ReadFile("/proc/self/mounts")
	return err == nil && strings.Contains(string(b), " "+dir+" ")
}
