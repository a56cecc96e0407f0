package engine_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/scrub"
)

// uploads is a store where one step of what is made bit by bit fails, before it
// has its effect or after.
type uploads struct {
	*mem.Store
	left  atomic.Int64 // steps until one fails; below zero none does
	after bool
	live  atomic.Int64 // uploads that have not ended
	begun atomic.Int64
}

func (s *uploads) step(do func() error) error {
	fails := s.left.Add(-1) == 0
	if fails && !s.after {
		return syscall.ENOSPC
	}
	err := do()
	if fails && err == nil {
		err = syscall.EIO
	}
	return err
}

func (s *uploads) Begin(ctx context.Context) (_ backends.Upload, err error) {
	u := &uploadStep{s: s}
	err = s.step(func() (err error) { u.Upload, err = s.Store.Begin(ctx); return err })
	if err != nil {
		return nil, err
	}
	s.live.Add(1)
	s.begun.Add(1)
	return u, nil
}

type uploadStep struct {
	backends.Upload
	s    *uploads
	over bool
}

func (u *uploadStep) end() {
	if !u.over {
		u.over = true
		u.s.live.Add(-1)
	}
}

func (u *uploadStep) Write(b []byte) (n int, err error) {
	err = u.s.step(func() (err error) { n, err = u.Upload.Write(b); return err })
	return n, err
}

func (u *uploadStep) Put(ctx context.Context, key string) error {
	defer u.end()
	return u.s.step(func() error { return u.Upload.Put(ctx, key) })
}

func (u *uploadStep) Abort() {
	u.Upload.Abort()
	u.end()
}

// Every step of every pack of an ingest that is written as it is made fails once.
// Each time the error says so, nothing published is harmed, no upload stays open,
// and the same ingest succeeds afterwards, in the same process and in the next.
func TestAFailedUploadHarmsNothing(t *testing.T) {
	f := files{"big": randomBytes(5, 400_000), "small": "s"}
	for _, after := range []bool{false, true} {
		failures := 0
		for n := int64(1); ; n++ {
			s := &uploads{Store: mem.New(), after: after}
			w := worldOn(t, s, engine.Settings{PackSize: 100 << 10})
			w.ingest("x/y@1", sample)
			begun := s.begun.Load()
			s.left.Store(n)
			_, err := w.Ingest(t.Context(), engine.IngestRequest{Source: f, Ref: mustRef(t, "x/y@2")})
			past := s.left.Load() > 0
			s.left.Store(-1)
			when := fmt.Sprintf("step %d, after its effect: %v", n, after)
			switch {
			case past && err != nil:
				t.Fatalf("nothing has failed: %v", err)
			case past:
				if s.begun.Load() < begun+4 {
					t.Errorf("only %d packs were written as they were made", s.begun.Load()-begun)
				}
			case err == nil:
				t.Errorf("%s: no error", when)
			case !after && engine.KindOf(err) != engine.KindNoSpace:
				t.Errorf("%s: %v", when, err)
			}
			if err != nil {
				failures++
			}
			if live := s.live.Load(); live != 0 {
				t.Errorf("%s: %d uploads are open after it", when, live)
			}
			w.expect("x/y@1", sample)
			if n%2 == 0 {
				w.reopen()
			}
			w.ingest("x/y@2", f)
			w.forget()
			w.expect("x/y@1", sample)
			w.expect("x/y@2", f)
			res, verr := w.Verify(t.Context(), scrub.Options{ReadData: true}, func(p scrub.Problem) { t.Errorf("%s: %+v", when, p) })
			if verr != nil || res.Versions != 2 {
				t.Fatalf("%s: verify: %+v, %v", when, res, verr)
			}
			w.close()
			if past || t.Failed() {
				break
			}
		}
		if failures < 10 {
			t.Errorf("%d steps could fail", failures)
		}
	}
}
