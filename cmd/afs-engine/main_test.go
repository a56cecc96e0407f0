package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the generated parts of docs/cli.md")

// raceOptions keep a command under the race detector from waiting a second
// before it ends.
const raceOptions = "atexit_sleep_ms=0"

// TestMain lets the scripts run the test binary as afs-engine.
func TestMain(m *testing.M) {
	os.Setenv("GORACE", raceOptions)
	testscript.Main(m, map[string]func(){"afs-engine": main, "afs-engine-later": later})
}

// later is afs-engine with a clock that is an hour ahead, for which files that
// were just written have been at rest for long.
func later() {
	a := newApp(stdio{os.Stdin, os.Stdout, os.Stderr}, os.Args[1:])
	a.now = func() time.Time { return time.Now().Add(time.Hour) }
	os.Exit(a.run(context.Background(), os.Args[1:]))
}

// TestScripts runs the command as users do: good use, wrong use, exit codes.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, "home")
			env.Setenv("HOME", home)
			env.Setenv("TZ", "UTC")
			env.Setenv("GORACE", raceOptions)
			env.Setenv("AFS_STORE", filepath.Join(env.WorkDir, "store"))
			return os.Mkdir(home, 0o777)
		},
		Condition: func(cond string) (bool, error) {
			if cond == "fuse" {
				return canMount(t), nil
			}
			return false, errors.New("unknown condition")
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "mounted": mounted, "until": until, "signalled": signalled,
		},
	})
}

// exits N CMD ARGS runs a command that must end with exactly the code N.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits N command args…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	got := 0
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// mounted DIR says whether a file system is mounted at DIR.
func mounted(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] mounted dir")
	}
	b, err := os.ReadFile("/proc/self/mounts")
	ts.Check(err)
	is := strings.Contains(string(b), " "+ts.MkAbs(args[0])+" ")
	if is == neg {
		ts.Fatalf("mounted: %v", is)
	}
}

// until CMD ARGS repeats a command until it succeeds.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: until command args…")
	}
	for range 2000 {
		if ts.Exec(args[0], args[1:]...) == nil {
			return
		}
	}
	ts.Fatalf("never succeeded")
}

// stuck is when a command that does not obey a signal is given up.
const stuck = time.Minute

// signalled SIGNAL N CMD ARGS starts a command with a stdin that never ends,
// sends it SIGNAL once it has taken in some of it, and wants the exit code N.
func signalled(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: signalled INT|TERM N command args…")
	}
	sig := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM}[args[0]]
	ctx, cancel := context.WithTimeout(context.Background(), stuck)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[2], args[3:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "AFS_STORE=" + ts.Getenv("AFS_STORE"), "GORACE=" + raceOptions}
	cmd.Stdout, cmd.Stderr = ts.Stdout(), ts.Stderr()
	stdin, err := cmd.StdinPipe()
	ts.Check(err)
	defer stdin.Close()
	ts.Check(cmd.Start())
	_, err = stdin.Write(make([]byte, 8*stdinBuffer)) // more than all buffers on the way hold
	ts.Check(err)
	ts.Check(cmd.Process.Signal(sig))
	_ = cmd.Wait() // the code says it all
	if got := strconv.Itoa(cmd.ProcessState.ExitCode()); got != args[1] {
		ts.Fatalf("exit code %s, want %s", got, args[1])
	}
}

// canMount reports whether FUSE works here. Where AFS_TEST_REQUIRE lists fuse,
// its absence is a failure instead of a smaller test.
func canMount(t *testing.T) bool {
	_, deverr := os.Stat("/dev/fuse")
	_, binerr := exec.LookPath("fusermount3")
	ok := deverr == nil && (binerr == nil || os.Geteuid() == 0)
	if !ok && slices.Contains(strings.Split(os.Getenv("AFS_TEST_REQUIRE"), ","), "fuse") {
		t.Errorf("FUSE is required here: %v", errors.Join(deverr, binerr))
	}
	return ok
}
