package engine_test

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"

	"github.com/artifortress/afs-engine/backends/fault"
	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/scrub"
)

// Every put of an ingest fails once, before or after its effect. Each time the
// error says so, nothing published is harmed, and the same ingest succeeds
// afterwards, in the same process and in the next.
func TestAFailedPutHarmsNothing(t *testing.T) {
	f := files{"big": randomBytes(5, 400_000), "small": "s"}
	for name, effect := range map[string]fault.Effect{
		"full disk":       fault.Fail(syscall.ENOSPC),
		"unknown outcome": fault.FailAfter(syscall.EIO),
	} {
		for n := range 20 {
			s := fault.New(mem.New())
			w := worldOn(t, s, engine.Settings{PackSize: 100 << 10})
			w.ingest("x/y@1", sample)
			s.Set(fault.Rule{Op: fault.Put, Skip: n, Times: 1, Do: effect})
			_, err := w.Ingest(t.Context(), engine.IngestRequest{Source: f, Ref: mustRef(t, "x/y@2")})
			s.Set()
			if name == "full disk" && err != nil && engine.KindOf(err) != engine.KindNoSpace {
				t.Fatalf("%s at put %d: %v", name, n, err)
			}
			w.expect("x/y@1", sample)
			if n%2 == 0 {
				w.reopen()
			}
			w.ingest("x/y@2", f)
			w.expect("x/y@2", f)
			w.forget()
			w.expect("x/y@1", sample)
			w.expect("x/y@2", f)
			res, verr := w.Verify(t.Context(), scrub.Options{ReadData: true}, func(p scrub.Problem) { t.Errorf("%+v", p) })
			if verr != nil || res.Versions != 2 {
				t.Fatalf("verify: %+v, %v", res, verr)
			}
			w.close()
			if err == nil && n > 0 && name == "full disk" {
				break // past the last put
			}
		}
	}
}

func TestConcurrentIngestsShareGroupsAndPacks(t *testing.T) {
	for _, size := range []int64{40 << 10, 32 << 20} {
		concurrentIngests(t, worldOn(t, mem.New(), engine.Settings{PackSize: size}))
	}
}

func concurrentIngests(t *testing.T, w *world) {
	const writers = 24
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for i := range writers {
		wg.Go(func() {
			ref := mustRef(t, fmt.Sprintf("x/p%d@1", i%6))
			ref.Version = fmt.Sprint(i)
			f := files{"common": randomBytes(1, 200_000), "own": randomBytes(uint64(100+i), 30_000)}
			_, errs[i] = w.Ingest(t.Context(), engine.IngestRequest{Source: f, Ref: ref})
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	s, err := w.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(200_000 + writers*30_000); s.UniqueBytes != want {
		t.Fatalf("%d unique bytes, want %d: a chunk was stored twice or is missing", s.UniqueBytes, want)
	}
	before := export(t, w)
	w.forget()
	after := export(t, w)
	if len(before) != len(after) {
		t.Fatalf("%d rows became %d in a rebuild", len(before), len(after))
	}
	for i := range before {
		if before[i] != after[i] {
			t.Fatalf("row %q became %q in a rebuild", before[i], after[i])
		}
	}
	for i := range writers {
		w.expect(fmt.Sprintf("x/p%d@%d", i%6, i), files{"common": randomBytes(1, 200_000), "own": randomBytes(uint64(100+i), 30_000)})
	}
}

// A second engine on the same objects, with an index of its own, takes over;
// the first one notices and stops.
func TestAStaleWriterIsFenced(t *testing.T) {
	w := newWorld(t)
	w.ingest("x/y@1", sample)
	other := &world{t: t, store: w.store, dir: t.TempDir()}
	other.open()
	defer other.close()
	other.ingest("x/y@2", files{"a": "other"})
	_, err := w.Ingest(t.Context(), engine.IngestRequest{Source: files{"a": "stale"}, Ref: mustRef(t, "x/y@3")})
	if engine.KindOf(err) != engine.KindBusy {
		t.Fatalf("the stale writer: %v", err)
	}
	w.reopen()
	w.expect("x/y@2", files{"a": "other"})
	w.ingest("x/y@3", files{"a": "not stale any more"})
}
