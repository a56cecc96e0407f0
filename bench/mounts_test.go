package bench

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// requireRoot skips where nothing can be mounted, or fails there if the
// environment says that this must not be.
func requireRoot(t *testing.T) {
	t.Helper()
	switch {
	case os.Geteuid() == 0:
	case strings.Contains(os.Getenv("AFS_TEST_REQUIRE"), "root"):
		t.Fatal("not root")
	default:
		t.Skip("only root can mount a tmpfs")
	}
}

// A run that is stopped while a mount is being made leaves neither the mount
// nor the process behind.
func TestAMountThatIsComingIsEnded(t *testing.T) {
	requireRoot(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	stopped := errors.New("stopped")
	fifo := filepath.Join(t.TempDir(), "starting")
	check(t, syscall.Mkfifo(fifo, 0o600))
	late := copier("late")
	late.Mounts = []Mount{{Serves: true, Command: "echo $$ >" + fifo + "; mount -t tmpfs afs-bench-test {mnt} && exec sleep 1000"}}
	server := make(chan string, 1)
	go func() {
		pid, _ := os.ReadFile(fifo) // what is wrong with it shows below
		server <- strings.TrimSpace(string(pid))
		cancel(stopped)
	}()
	_, err := runOn(t, ctx, Options{Reps: 1, KeepCaches: true, Workloads: []string{MountReady}, Contenders: []Contender{late}})
	if !errors.Is(err, stopped) {
		t.Fatalf("a stopped run: %v", err)
	}
	if mountedBy(t, "afs-bench-test") {
		t.Error("a mount is left")
	}
	if _, err := os.Stat("/proc/" + <-server); err == nil {
		t.Error("what serves the mount goes on")
	}
}

// mountedBy reports whether a file system of that source is mounted below the
// directory for temporary files.
func mountedBy(t *testing.T, source string) bool {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mounts")
	check(t, err)
	return strings.Contains(string(b), "\n"+source+" "+os.TempDir()+"/")
}

func TestAMountThatCannotBeIsAFailure(t *testing.T) {
	broken := copier("broken")
	broken.Mounts = []Mount{{Serves: true, Command: "echo no fuse here >&2; exit 1"}}
	res, err := runOn(t, context.Background(), Options{Reps: 1, KeepCaches: true, Workloads: []string{MountReady, FindCold}, Contenders: []Contender{broken}})
	check(t, err)
	rows := find(res, "broken", MountReady)
	if len(rows) != 1 || rows[0].Status != Failed || !strings.Contains(rows[0].Note, "no fuse here") {
		t.Errorf("%+v", res.Rows)
	}
}

// A slow mount is gone through once; what takes too long there is ended, and
// the rest goes on.
func TestASlowMountIsReadOnce(t *testing.T) {
	slow := copier("slow")
	slow.Mounts[0].Slow = true
	dir := tree(t, map[string]string{"a": "one"})
	own, err := Own("own", []string{dir})
	check(t, err)
	res, err := Run(context.Background(), Options{Reps: 2, MountLimit: time.Nanosecond, KeepCaches: true, Self: "no-such-program", Work: t.TempDir(), Settle: func() {},
		Workloads: []string{IngestFirst, FindCold, TarCold}, Contenders: []Contender{slow}},
		[]func(context.Context) (Corpus, error){func(context.Context) (Corpus, error) { return own, nil }})
	check(t, err)
	if n, m := len(find(res, "slow", IngestFirst)), len(find(res, "slow", FindCold)); n != 2 || m != 1 {
		t.Errorf("stored %d times, read %d times, want 2 and 1", n, m)
	}
	if r := find(res, "slow", TarCold); len(r) != 1 || r[0].Status != Over || !res.Complete {
		t.Errorf("over the limit: %+v", r)
	}
}

// What is there without a mount is read all the same, and says if it is not
// cold.
func TestFilesThatAreThereAreRead(t *testing.T) {
	res, err := runOn(t, context.Background(), Options{Reps: 1, KeepCaches: true, Workloads: []string{MountReady, FindCold, FindWarm, TarCold, TarWarm}, Contenders: []Contender{copier("x")}})
	check(t, err)
	cold, warm := find(res, "x", FindCold), find(res, "x", FindWarm)
	if len(cold) != 1 || cold[0].Cold == nil || *cold[0].Cold || !strings.Contains(cold[0].Note, "not cold") || len(warm) != 1 || warm[0].Cold != nil {
		t.Errorf("cold %+v, warm %+v", cold, warm)
	}
	if tar := find(res, "x", TarWarm); len(tar) != 1 || tar[0].Same == nil || !*tar[0].Same {
		t.Errorf("what was read was not compared: %+v", tar)
	}
	if n := len(find(res, "x", MountReady)); n != 0 {
		t.Errorf("%d mounts of what needs none", n)
	}
}
