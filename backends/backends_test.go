package backends_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/fault"
	"github.com/artifortress/afs-engine/backends/mem"
)

// locker is an optional power of a store.
type locker interface{ Lock(key string) time.Time }

type lockingStore struct{ backends.Store }

func (lockingStore) Lock(string) time.Time { return time.Unix(1, 0) }

// wrapper is a decorator; opaque is one that does not let through.
type wrapper struct{ backends.Store }

func (w wrapper) Unwrap() backends.Store { return w.Store }

type opaque struct{ backends.Store }

func TestAsLooksThroughDecorators(t *testing.T) {
	store := lockingStore{mem.New()}
	for name, c := range map[string]struct {
		s    backends.Store
		want bool
	}{
		"the store itself":     {store, true},
		"decorated":            {wrapper{store}, true},
		"decorated twice":      {wrapper{wrapper{store}}, true},
		"behind an opaque one": {wrapper{opaque{store}}, false},
		"a store without it":   {wrapper{mem.New()}, false},
		"a decorator of nil":   {wrapper{nil}, false},
		"nil":                  {nil, false},
	} {
		got, ok := backends.As[locker](c.s)
		if ok != c.want || (got != nil) != c.want {
			t.Errorf("As finds it in %s: %v, %v, want %v", name, got, ok, c.want)
		}
	}
}

func TestReadAllIsExactAndBounded(t *testing.T) {
	s, ctx := mem.New(), t.Context()
	if err := s.Put(ctx, "a", strings.NewReader("0123456789")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		off, n, limit int64
		want          string
		ok            bool
	}{
		{0, -1, 10, "0123456789", true},
		{0, -1, 100, "0123456789", true},
		{0, -1, math.MaxInt64, "0123456789", true},
		{0, -1, 9, "", false},
		{1, -1, 9, "123456789", true},
		{10, -1, 0, "", true},
		{2, 3, 3, "234", true},
		{2, 3, 2, "", false},
		{2, 0, 0, "", true},
		{8, 3, 100, "", false},
		{0, math.MaxInt64, math.MaxInt64 - 1, "", false},
	} {
		b, err := backends.ReadAll(ctx, s, "a", c.off, c.n, c.limit)
		if (err == nil) != c.ok || c.ok && string(b) != c.want {
			t.Errorf("ReadAll(%d, %d, limit %d) gives %q, %v, want %q", c.off, c.n, c.limit, b, err, c.want)
		}
	}
	if _, err := backends.ReadAll(ctx, s, "b", 0, -1, 10); !errors.Is(err, backends.ErrNotExist) {
		t.Errorf("ReadAll of nothing gives %v, want ErrNotExist", err)
	}
}

func TestReadAllPassesReadErrorsOn(t *testing.T) {
	s, ctx := fault.New(mem.New()), t.Context()
	if err := s.Put(ctx, "a", strings.NewReader("0123456789")); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int64{-1, 8} {
		s.Set(fault.Rule{Op: fault.Get, Do: fault.Cut(5, fault.ErrInjected)})
		if _, err := backends.ReadAll(ctx, s, "a", 0, n, 100); !errors.Is(err, fault.ErrInjected) {
			t.Errorf("ReadAll of %d bytes gives %v, want the reader's error", n, err)
		}
	}
	s.Set(fault.Rule{Op: fault.Get, Do: fault.Cut(5, io.EOF)})
	if _, err := backends.ReadAll(ctx, s, "a", 0, 8, 100); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("ReadAll of a reader that ends early gives %v, want io.ErrUnexpectedEOF", err)
	}
}

func Example() {
	var s backends.Store = mem.New()
	ctx := context.Background()
	for _, key := range []string{"log/2", "log/1", "../up"} {
		if err := s.Put(ctx, key, strings.NewReader("record "+key)); errors.Is(err, backends.ErrBadKey) {
			fmt.Println("no key:", key)
		}
	}
	for info, err := range s.List(ctx, "log/") {
		if err != nil {
			fmt.Println(err)
			return
		}
		b, err := backends.ReadAll(ctx, s, info.Key, 0, -1, 1<<10)
		fmt.Printf("%s: %s %v\n", info.Key, b, err)
	}
	// Output:
	// no key: ../up
	// log/1: record log/1 <nil>
	// log/2: record log/2 <nil>
}
