package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// usage is what a command took.
type usage struct {
	seconds, cpu  float64
	peak, written int64
	stdout        []byte // the end of it
}

// outputMax is how much of a command's output is kept, in bytes.
const outputMax = 16 << 10

// patience is how long a command has to end after it was asked to.
const patience = 10 * time.Second

// shell prepares a command line. It is a process group of its own, so that a
// ctrl-c is this process's to handle, and stopping it stops its children.
func shell(ctx context.Context, line, dir string, env []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir, cmd.Env = dir, env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = patience
	return cmd
}

// measure runs a command line and says what it took.
func measure(ctx context.Context, line, dir string, env []string) (usage, error) {
	stdout, stderr := tail{max: outputMax}, tail{max: outputMax}
	cmd := shell(ctx, line, dir, env)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	own := peakOf(selfStatus)
	start := time.Now()
	if err := cmd.Start(); err != nil {
		if ctx.Err() != nil {
			return usage{}, context.Cause(ctx)
		}
		return usage{}, fmt.Errorf("start %s: %w", line, err)
	}
	w := watchPeak(cmd.Process.Pid)
	err := cmd.Wait()
	seconds := time.Since(start).Seconds()
	u := usage{seconds: seconds, peak: w.stop(), stdout: stdout.b}
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.cpu = secondsOf(r.Utime) + secondsOf(r.Stime)
		u.written = int64(r.Oublock) * 512
		// A process is born with the memory of the one that made it, and
		// ru_maxrss never forgets it: only what goes beyond is its own.
		if rss := maxRSS(r); rss > own {
			u.peak = max(u.peak, rss)
		}
	}
	if ctx.Err() != nil {
		return u, context.Cause(ctx)
	}
	return u, commandError(err, stderr.b)
}

// overError ends a command that takes too long.
type overError struct{ limit time.Duration }

func (e overError) Error() string {
	return fmt.Sprintf("ended: it takes more than %g s", e.limit.Seconds())
}

// measureWithin is measure, with an end to patience if limit is not 0. The error
// is an overError then.
func measureWithin(ctx context.Context, limit time.Duration, line, dir string, env []string) (usage, error) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, overError{limit})
		defer cancel()
	}
	return measure(ctx, line, dir, env)
}

// commandError is err with the last line that the command had to say.
func commandError(err error, stderr []byte) error {
	if err == nil {
		return nil
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	lines := strings.FieldsFunc(string(stderr), func(r rune) bool { return r == '\n' || r == '\r' })
	if len(lines) == 0 {
		return err
	}
	return fmt.Errorf("%w: %s", err, strings.TrimSpace(lines[len(lines)-1]))
}

func secondsOf(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }

// tail keeps the last bytes that are written to it: what matters stands there.
type tail struct {
	b   []byte
	max int
}

var _ io.Writer = (*tail)(nil)

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p[max(0, len(p)-t.max):]...)
	t.b = t.b[max(0, len(t.b)-t.max):]
	return len(p), nil
}
