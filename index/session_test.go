package index

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

func TestSessionsLastUntilTheyEnd(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	lease := time.Date(2026, 11, 21, 12, 0, 0, 5, time.UTC)
	check(t, db.PutSession(SessionID{1}, Session{Epoch: 3, Lease: lease}))
	check(t, db.PutSession(SessionID{2}, Session{Epoch: 3, Lease: lease}))
	check(t, db.PutSession(SessionID{2}, Session{Epoch: 4, Lease: lease.Add(time.Hour)})) // renewed
	check(t, db.Close())
	db = open(t, dir)
	defer db.Close()
	all, err := db.Sessions()
	check(t, err)
	if len(all) != 2 || all[SessionID{1}].Epoch != 3 || !all[SessionID{1}].Lease.Equal(lease) || all[SessionID{2}].Epoch != 4 {
		t.Fatalf("%+v", all)
	}
	check(t, db.EndSession(SessionID{1}))
	check(t, db.EndSession(SessionID{1})) // once more is no error
	if all, err := db.Sessions(); err != nil || len(all) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
}

func TestBadSessionRowsAreErrors(t *testing.T) {
	for key, value := range map[string]string{
		"s": "0123456789abcdef", "sshort": "0123456789abcdef", "s0123456789abcdef": "short", "s0123456789abcdefg": "0123456789abcdef",
	} {
		db := newDB(t)
		check(t, db.p.Set([]byte(key), []byte(value), pebble.NoSync))
		if all, err := db.Sessions(); err == nil {
			t.Errorf("%q = %q reads as %v", key, value, all)
		}
	}
}

func TestSessionsDieWithTheirProcess(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	mine := NewSession(1, now.Add(time.Minute), os.Getpid())
	other := exec.Command("cat")
	in, err := other.StdinPipe()
	check(t, err)
	check(t, other.Start())
	theirs := NewSession(1, now.Add(time.Minute), other.Process.Pid)
	if !mine.Alive(now) || !theirs.Alive(now) {
		t.Fatalf("%+v, %+v at their beginning", mine, theirs)
	}
	check(t, in.Close())
	check(t, other.Wait())
	if theirs.Alive(now) {
		t.Error("it outlives its process")
	}
	mine.Started--
	if mine.Alive(now) {
		t.Error("another process of the same number keeps it alive")
	}
	mine.Started++
	if mine.Alive(now.Add(time.Hour)) {
		t.Error("it outlives its lease")
	}
	if (Session{Lease: now.Add(time.Hour)}).Alive(now) {
		t.Error("one of nobody lives")
	}
	db := newDB(t)
	check(t, db.PutSession(SessionID{1}, mine))
	if all, err := db.Sessions(); err != nil || !all[SessionID{1}].Alive(now) {
		t.Errorf("read back as %+v, %v", all, err)
	}
}

func TestWhatIsInANewIndexSurvivesThePower(t *testing.T) {
	disk := vfs.NewCrashableMem()
	check(t, disk.MkdirAll("index", 0o700))
	root, err := disk.OpenDir("")
	check(t, err)
	check(t, root.Sync())
	db, err := Open("index", Options{FS: disk})
	check(t, err)
	if !db.Made() {
		t.Error("an index where none was is said to have been there")
	}
	check(t, db.PutSession(SessionID{1}, Session{Epoch: 3}))
	after := disk.CrashClone(vfs.CrashCloneCfg{}) // what is not synced is lost
	check(t, db.Close())

	db, err = Open("index", Options{FS: after})
	check(t, err)
	defer db.Close()
	if db.Made() {
		t.Error("an index that was there is said to have been made")
	}
	if all, err := db.Sessions(); err != nil || all[SessionID{1}].Epoch != 3 {
		t.Errorf("sessions: %v, %v", all, err)
	}
}

// What a power failure leaves of an index that is being made is an index with
// nothing in it, or one that is known to be damaged.
func TestANewIndexWhosePowerFailsIsMadeAnew(t *testing.T) {
	for seed := range uint64(50) {
		disk := vfs.NewCrashableMem()
		check(t, disk.MkdirAll("index", 0o700))
		var after *vfs.MemFS
		var steps atomic.Uint64
		crashing := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if steps.Add(1) == seed {
				after = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(seed, 1))})
			}
			return nil
		}))
		db, err := Open("index", Options{FS: crashing})
		check(t, err)
		check(t, db.Close())
		if after == nil {
			continue
		}
		db, err = Open("index", Options{FS: after})
		if errors.Is(err, ErrCorrupt) {
			continue
		}
		check(t, err)
		if all, err := db.Sessions(); err != nil || len(all) != 0 {
			t.Errorf("step %d: sessions %v, %v", seed, all, err)
		}
		check(t, db.Close())
	}
}
