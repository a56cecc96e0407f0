package index

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// failFrom makes every write to the files from the nth on fail, or the nth
// alone.
type failFrom struct {
	n, seen atomic.Int64
	once    bool
	cause   error
}

func (f *failFrom) String() string { return "fail" }

func (f *failFrom) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsRead || op.Kind == errorfs.OpFileClose {
		return nil
	}
	i := f.seen.Add(1)
	if i == f.n.Load() || i > f.n.Load() && !f.once {
		return f.cause
	}
	return nil
}

// within fails the test if f does not return: these failures hung or killed
// the program once.
func within(t *testing.T, f func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-ctx.Done():
		t.Fatal("it does not come back")
	}
}

// work opens the index, writes enough to fill Pebble's memory several times
// over, and closes it. It returns the first error, and how many rows are sure.
func work(t *testing.T, fs vfs.FS, rows int) (sure int, err error) {
	t.Helper()
	db, err := Open("index", Options{FS: fs})
	if err != nil {
		return 0, err
	}
	value := make([]byte, 1<<20)
	for i := range rows {
		err = change(db, func(b *Batch) error { return b.Set(fmt.Appendf(nil, "%04d", i), value) })
		if err == nil && i%8 == 0 {
			err = db.PutSession(SessionID{byte(i)}, Session{})
		}
		if err != nil {
			again := change(db, func(b *Batch) error { return b.Set([]byte("later"), value) })
			if !errors.Is(again, ErrFailed) || !errors.Is(again, syscall.ENOSPC) {
				t.Errorf("after %v a write gives %v, want the same again", err, again)
			}
			break
		}
		sure = i + 1
	}
	if _, _, rerr := db.Get([]byte("0000")); rerr != nil {
		t.Errorf("reading after %v: %v", err, rerr)
	}
	return sure, errors.Join(err, db.Close())
}

// Whichever write to the index's files fails, for once or from then on, the
// program lives, the error comes out, and the next Open finds what is sound or
// says that it is damaged.
func TestAFailedWriteIsAnErrorAndNotTheEnd(t *testing.T) {
	t.Parallel()
	for _, once := range []bool{false, true} {
		failures, passed := 0, 0
		for n := int64(1); passed < 3 && n < 400; n += 1 + n/6 {
			disk := vfs.NewMem()
			inj := &failFrom{once: once, cause: fmt.Errorf("test: %w", syscall.ENOSPC)}
			inj.n.Store(n)
			within(t, func() {
				_, err := work(t, errorfs.Wrap(disk, inj), 24)
				switch {
				case err == nil:
					passed++
				case !errors.Is(err, syscall.ENOSPC):
					t.Errorf("write %d (once: %v): %v, want ENOSPC in it", n, once, err)
				default:
					failures++
				}
			})
			within(t, func() {
				db, err := Open("index", Options{FS: disk})
				if errors.Is(err, ErrCorrupt) {
					remove(t, "index", Options{FS: disk})
					db, err = Open("index", Options{FS: disk})
				}
				if err != nil {
					t.Fatalf("write %d (once: %v): open again: %v", n, once, err)
				}
				check(t, change(db, func(b *Batch) error { return b.Set([]byte("k"), nil) }))
				check(t, db.Close())
			})
		}
		t.Logf("once: %v: %d failures, %d runs in which nothing failed", once, failures, passed)
		if failures < 10 {
			t.Errorf("only %d runs failed: the faults do not bite", failures)
		}
	}
}

// What the write-ahead log holds is written to tables by the next Open, which
// begins work in the background with that. Whatever fails then, for once or from
// then on, it returns, and what it has begun ends without a panic.
func TestAnOpenThatCannotWriteIsAnError(t *testing.T) {
	t.Parallel()
	for name, log := range map[string]func(*DB) error{
		"rows":  func(db *DB) error { return change(db, func(b *Batch) error { return b.Set([]byte("k"), nil) }) },
		"empty": func(*DB) error { return nil },
		"deletions": func(db *DB) error { // whose statistics Pebble reads at once
			b := db.NewLocalBatch()
			return errors.Join(b.Set([]byte("x"), nil), b.DeleteRange([]byte("x"), []byte("y")), b.Commit(), b.Close())
		},
	} {
		failures, passed := 0, 0
		for n := int64(1); passed < 6; n++ {
			disk := vfs.NewMem()
			_, err := work(t, disk, 12)
			check(t, err)
			db, err := Open("index", Options{FS: disk})
			check(t, err)
			check(t, errors.Join(log(db), db.Close()))
			inj := &failFrom{once: n%2 == 1, cause: fmt.Errorf("test: %w", syscall.ENOSPC)}
			inj.n.Store(n/2 + 1)
			within(t, func() {
				db, err := Open("index", Options{FS: errorfs.Wrap(disk, inj)})
				if err == nil {
					passed++
					check(t, db.Close())
					return
				}
				failures++
				if !errors.Is(err, syscall.ENOSPC) || errors.Is(err, ErrCorrupt) {
					t.Errorf("%s, write %d (once: %v): %v, want ENOSPC in it", name, n/2+1, inj.once, err)
				}
			})
			within(t, func() {
				db, err := Open("index", Options{FS: disk})
				check(t, err)
				if _, ok, err := db.Get([]byte("0011")); !ok || err != nil {
					t.Errorf("%s, write %d (once: %v): a row is there: %v, %v", name, n/2+1, inj.once, ok, err)
				}
				check(t, db.Close())
			})
		}
		if t.Logf("%s: %d failures", name, failures); failures < 10 {
			t.Errorf("%s: only %d of the openings failed: the faults do not bite", name, failures)
		}
	}
}

// A writer that waits for Pebble to make room is told when there will be none.
func TestAWaitingWriterIsToldOfTheFailure(t *testing.T) {
	h := newHealth()
	waiting := make(chan struct{})
	within(t, func() {
		go func() { <-waiting; h.fail(syscall.EIO) }()
		over, err := h.write(func() error { close(waiting); select {} })
		if over || !errors.Is(err, ErrFailed) || !errors.Is(err, syscall.EIO) {
			t.Errorf("write gives %v, %v", over, err)
		}
	})
}

func TestAPanicOfPebbleIsAnError(t *testing.T) {
	h := newHealth()
	if _, err := h.write(func() error { panic(fmt.Errorf("rotate: %w", syscall.EIO)) }); !errors.Is(err, syscall.EIO) {
		t.Errorf("write gives %v", err)
	}
	if _, err := h.write(func() error { t.Error("another write is tried"); return nil }); !errors.Is(err, ErrFailed) {
		t.Errorf("the next write gives %v", err)
	}
}
