package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/backendtest"
	"github.com/artifortress/afs-engine/backends/fault"
	"github.com/artifortress/afs-engine/backends/mem"
)

func TestContractWithoutRules(t *testing.T) {
	backendtest.TestStore(t, func(*testing.T) backends.Store { return fault.New(mem.New()) })
}

func TestContractBitByBit(t *testing.T) {
	backendtest.TestAppender(t, func(*testing.T) backends.Store { return fault.Appending{Store: fault.New(mem.New())} })
}

func TestContractWithEffectsThatDoNotBite(t *testing.T) {
	backendtest.TestStore(t, func(*testing.T) backends.Store {
		return fault.New(mem.New(),
			fault.Rule{},
			fault.Rule{Do: fault.Delay(0)},
			fault.Rule{Do: fault.Hook(func(context.Context, fault.Call) error { return nil })},
			fault.Rule{Do: fault.Flip(1 << 40)},
			fault.Rule{Do: fault.Cut(1<<40, fault.ErrInjected)})
	})
}

// newStore returns a store with three objects under the rules, and what is
// inside.
func newStore(t *testing.T, rules ...fault.Rule) (s *fault.Store, inner *mem.Store) {
	t.Helper()
	inner = mem.New()
	for _, key := range []string{"log/1", "log/2", "packs/a"} {
		if err := inner.Put(t.Context(), key, strings.NewReader("0123456789")); err != nil {
			t.Fatal(err)
		}
	}
	return fault.New(inner, rules...), inner
}

func put(t *testing.T, s backends.Store, key string) error {
	return s.Put(t.Context(), key, strings.NewReader("content"))
}

func get(t *testing.T, s backends.Store, key string) (string, error) {
	b, err := backends.ReadAll(t.Context(), s, key, 0, -1, 1<<20)
	return string(b), err
}

func list(t *testing.T, s backends.Store) (keys []string, err error) {
	for info, err := range s.List(t.Context(), "") {
		if err != nil {
			return keys, err
		}
		keys = append(keys, info.Key)
	}
	return keys, nil
}

func wantIs(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s gives %v, want %v", what, err, want)
	}
}

func TestRuleHitsTheCallsItNames(t *testing.T) {
	s, _ := newStore(t, fault.Rule{Op: fault.Put, Prefix: "log/", Skip: 1, Times: 2, Do: fault.Fail(syscall.ENOSPC)})
	if _, err := get(t, s, "log/1"); err != nil {
		t.Errorf("another operation: %v", err)
	}
	for i, c := range []struct {
		key  string
		fail bool
	}{{"log/3", false}, {"packs/b", false}, {"log/4", true}, {"packs/c", false}, {"log/5", true}, {"log/6", false}} {
		if err := put(t, s, c.key); errors.Is(err, syscall.ENOSPC) != c.fail {
			t.Errorf("put %d, of %s: %v", i, c.key, err)
		}
	}
}

func TestSetReplacesTheRules(t *testing.T) {
	s, _ := newStore(t, fault.Rule{Do: fault.Fail(fault.ErrInjected)})
	wantIs(t, "Put", put(t, s, "a"), fault.ErrInjected)
	s.Set()
	wantIs(t, "Put after Set", put(t, s, "a"), nil)
}

func TestFailHasNoEffectAndFailAfterHas(t *testing.T) {
	s, inner := newStore(t, fault.Rule{Do: fault.Fail(fault.ErrInjected)})
	for _, after := range []bool{false, true} {
		if after {
			s.Set(fault.Rule{Do: fault.FailAfter(fault.ErrInjected)})
		}
		_, getErr := s.Get(t.Context(), "log/1", 0, -1)
		_, statErr := s.Stat(t.Context(), "log/1")
		keys, listErr := list(t, s)
		wantIs(t, "Put", put(t, s, "new"), fault.ErrInjected)
		wantIs(t, "Get", getErr, fault.ErrInjected)
		wantIs(t, "Stat", statErr, fault.ErrInjected)
		wantIs(t, "List", listErr, fault.ErrInjected)
		wantIs(t, "Delete", s.Delete(t.Context(), "log/2"), fault.ErrInjected)
		if (len(keys) == 3) != after {
			t.Errorf("FailAfter %v: listed %q", after, keys)
		}
		_, newErr := inner.Stat(t.Context(), "new")
		_, deletedErr := inner.Stat(t.Context(), "log/2")
		if (newErr == nil) != after || (deletedErr != nil) != after {
			t.Errorf("FailAfter %v: the new object gives %v, the deleted one %v", after, newErr, deletedErr)
		}
	}
}

func TestFailAfterLeavesRealErrors(t *testing.T) {
	s, _ := newStore(t, fault.Rule{Do: fault.FailAfter(fault.ErrInjected)})
	wantIs(t, "Put of a taken key", put(t, s, "log/1"), backends.ErrExist)
	_, err := s.Stat(t.Context(), "none")
	wantIs(t, "Stat of nothing", err, backends.ErrNotExist)
}

func TestLostAndTornPuts(t *testing.T) {
	s, inner := newStore(t,
		fault.Rule{Prefix: "lost", Do: fault.Lose()},
		fault.Rule{Prefix: "torn", Do: fault.Tear(3)},
		fault.Rule{Prefix: "torn+failed", Do: fault.FailAfter(fault.ErrInjected)},
		fault.Rule{Op: fault.Delete, Do: fault.Lose()})
	wantIs(t, "lost Put", put(t, s, "lost"), nil)
	_, err := inner.Stat(t.Context(), "lost")
	wantIs(t, "Stat", err, backends.ErrNotExist)

	wantIs(t, "torn Put", put(t, s, "torn"), nil)
	if text, err := get(t, inner, "torn"); text != "con" || err != nil {
		t.Errorf("a torn put leaves %q, %v", text, err)
	}
	wantIs(t, "lost Delete", s.Delete(t.Context(), "torn"), nil)
	_, err = inner.Stat(t.Context(), "torn")
	wantIs(t, "Stat", err, nil)

	s.Set(fault.Rule{Do: fault.Tear(0)}, fault.Rule{Do: fault.FailAfter(fault.ErrInjected)})
	wantIs(t, "torn Put that fails", put(t, s, "both"), fault.ErrInjected)
	if text, err := get(t, inner, "both"); text != "" || err != nil {
		t.Errorf("it leaves %q, %v", text, err)
	}
}

func TestFlipChangesOneByteOfTheObject(t *testing.T) {
	s, inner := newStore(t, fault.Rule{Op: fault.Get, Do: fault.Flip(4)})
	for _, c := range []struct {
		off, n int64
		want   string
	}{{0, -1, "0123556789"}, {4, 1, "5"}, {3, 2, "35"}, {0, 4, "0123"}, {5, -1, "56789"}} {
		r, err := s.Get(t.Context(), "log/1", c.off, c.n)
		if err != nil {
			t.Fatal(err)
		}
		// Byte by byte, so that the position must survive several reads.
		b, err := io.ReadAll(oneByte{r})
		if string(b) != c.want || err != nil {
			t.Errorf("Get(%d, %d) gives %q, %v, want %q", c.off, c.n, b, err, c.want)
		}
	}
	if text, _ := get(t, inner, "log/1"); text != "0123456789" {
		t.Errorf("the object itself is now %q", text)
	}
}

type oneByte struct{ io.Reader }

func (r oneByte) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(1, len(p))]) }

func TestCutEndsReadsAndListings(t *testing.T) {
	s, _ := newStore(t, fault.Rule{Do: fault.Cut(2, fault.ErrInjected)})
	text, err := get(t, s, "log/1")
	wantIs(t, "Get", err, fault.ErrInjected)
	keys, listErr := list(t, s)
	wantIs(t, "List", listErr, fault.ErrInjected)
	if text != "01" || !slices.Equal(keys, []string{"log/1", "log/2"}) {
		t.Errorf("before the cut came %q and %q", text, keys)
	}
	s.Set(fault.Rule{Do: fault.Cut(3, io.EOF)})
	if text, err := get(t, s, "log/1"); text != "012" || err != nil {
		t.Errorf("cut with io.EOF: %q, %v", text, err)
	}
	s.Set(fault.Rule{Do: fault.Cut(3, fault.ErrInjected)})
	keys, listErr = list(t, s)
	wantIs(t, "List cut at its end", listErr, fault.ErrInjected)
	if len(keys) != 3 {
		t.Errorf("before the cut came %q, want all", keys)
	}
}

func TestHookSeesTheCallAndMayFailIt(t *testing.T) {
	var calls []string
	s, _ := newStore(t, fault.Rule{Do: fault.Hook(func(_ context.Context, c fault.Call) error {
		calls = append(calls, fmt.Sprint(c.Op, " ", c.Key))
		if c.Op == fault.Stat {
			return fault.ErrInjected
		}
		return nil
	})})
	wantIs(t, "Put", put(t, s, "a"), nil)
	_, err := get(t, s, "a")
	wantIs(t, "Get", err, nil)
	_, err = s.Stat(t.Context(), "a")
	wantIs(t, "Stat", err, fault.ErrInjected)
	_, err = list(t, s)
	wantIs(t, "List", err, nil)
	wantIs(t, "Delete", s.Delete(t.Context(), "a"), nil)
	if want := []string{"Put a", "Get a", "Stat a", "List ", "Delete a"}; !slices.Equal(calls, want) {
		t.Errorf("calls %q, want %q", calls, want)
	}
}

func TestDelayEndsWithTheContext(t *testing.T) {
	s, _ := newStore(t, fault.Rule{Do: fault.Delay(time.Hour)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Stat(ctx, "log/1")
	wantIs(t, "Stat", err, context.Canceled)
}

func TestUnwrap(t *testing.T) {
	s, inner := newStore(t)
	if got, ok := backends.As[*mem.Store](s); !ok || got != inner {
		t.Errorf("As gives %v, %v, want what is inside", got, ok)
	}
}

func Example() {
	ctx := context.Background()
	// The disk is full at the second pack, and has room again after the third.
	s := fault.New(mem.New(), fault.Rule{
		Op: fault.Put, Prefix: "packs/", Skip: 1, Times: 2,
		Do: fault.Fail(syscall.ENOSPC),
	})
	for _, key := range []string{"packs/1", "packs/2", "log/1", "packs/3", "packs/4"} {
		err := s.Put(ctx, key, strings.NewReader("content"))
		fmt.Println(key, errors.Is(err, syscall.ENOSPC))
	}
	// Output:
	// packs/1 false
	// packs/2 true
	// log/1 false
	// packs/3 true
	// packs/4 false
}
