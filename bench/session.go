package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

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

// How often a mount that is to end is looked at, how many times before what
// serves nothing is asked to end, and how many times in all.
const (
	endEvery = 20 * time.Millisecond
	endIdle  = 50
	endTries = 1000
)

// end unmounts and sees that what served is gone. A mount that is in use is
// tried again. One that is only coming, because the run was stopped while it
// was made, is waited for: a process that is killed leaves it behind.
func (s *session) end() error {
	if s.mount.Command == "" {
		return nil
	}
	tick := time.NewTicker(endEvery)
	defer tick.Stop()
	var err error
	for tries, idle := 0, 0; tries < endTries; tries++ {
		switch {
		case mountedAt(s.mnt):
			idle = 0
			if out, uerr := unmountCommand(s.mnt, false).CombinedOutput(); uerr != nil {
				err = fmt.Errorf("unmount %s: %w: %s", s.mnt, uerr, strings.TrimSpace(string(out)))
			}
		case s.serving == nil:
			return nil
		default:
			if idle++; idle == endIdle {
				_ = s.serving.Cancel() // if it has ended by now, so much the better
			}
		}
		select {
		case <-s.ended:
			s.serving = nil
		case <-tick.C:
		}
	}
	_ = unmountCommand(s.mnt, true).Run() // the last means; what is returned tells
	if s.serving != nil {
		_ = syscall.Kill(-s.serving.Process.Pid, syscall.SIGKILL)
		<-s.ended
	}
	return errors.Join(errors.New("a mount did not end by itself"), err)
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
