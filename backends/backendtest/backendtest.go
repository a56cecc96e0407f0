// Package backendtest is the contract of backends.Store as a test suite. Every
// store and every decorator passes it; what it does not check, nothing above a
// store may rely on.
//
// Each rule is a check that returns an error instead of failing a test, so
// that this package's own test can hold the checks against stores that are
// broken on purpose.
package backendtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/backends"
)

// TestStore checks that the stores which open returns keep the contract. Each
// call of open returns a new, empty store; its resources are released by
// t.Cleanup. No key in use has the first segment "tmp" or "index": a store may
// keep those for itself.
func TestStore(t *testing.T, open func(t *testing.T) backends.Store) {
	t.Helper()
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			if err := c.run(t.Context(), open(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

type check struct {
	name string
	run  func(ctx context.Context, s backends.Store) error // s is empty
}

func checks() []check {
	return slices.Concat(putChecks, getChecks, listChecks, keyChecks, contextChecks, raceChecks)
}

// put stores text under key.
func put(ctx context.Context, s backends.Store, key, text string) error {
	if err := s.Put(ctx, key, strings.NewReader(text)); err != nil {
		return fmt.Errorf("Put(%s): %w", name(key), err)
	}
	return nil
}

// putAll stores every key with itself as its content.
func putAll(ctx context.Context, s backends.Store, keys ...string) error {
	for _, key := range keys {
		if err := put(ctx, s, key, key); err != nil {
			return err
		}
	}
	return nil
}

// read returns n bytes of an object from off.
func read(ctx context.Context, s backends.Store, key string, off, n int64) (string, error) {
	r, err := s.Get(ctx, key, off, n)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(r)
	return string(b), errors.Join(err, r.Close())
}

// wantObject checks that key is there with the content text.
func wantObject(ctx context.Context, s backends.Store, key, text string) error {
	got, err := read(ctx, s, key, 0, -1)
	if err != nil {
		return fmt.Errorf("Get(%s): %w", name(key), err)
	}
	if got != text {
		return fmt.Errorf("Get(%s) gives %s, want %s", name(key), name(got), name(text))
	}
	info, err := s.Stat(ctx, key)
	if err != nil {
		return fmt.Errorf("Stat(%s): %w", name(key), err)
	}
	if info.Key != key || info.Size != int64(len(text)) || info.ModTime.IsZero() {
		return fmt.Errorf("Stat(%s) gives %+v, want that key, %d bytes and a time", name(key), info, len(text))
	}
	return nil
}

// wantAbsent checks that key is nowhere to be seen.
func wantAbsent(ctx context.Context, s backends.Store, key string) error {
	if _, err := read(ctx, s, key, 0, -1); !errors.Is(err, backends.ErrNotExist) {
		return fmt.Errorf("Get(%s) gives %w, want ErrNotExist", name(key), orNil(err))
	}
	if _, err := s.Stat(ctx, key); !errors.Is(err, backends.ErrNotExist) {
		return fmt.Errorf("Stat(%s) gives %w, want ErrNotExist", name(key), orNil(err))
	}
	keys, err := list(ctx, s, key)
	if err != nil || slices.Contains(keys, key) {
		return fmt.Errorf("List(%s) gives %q, %w, want it without the key", name(key), keys, orNil(err))
	}
	return nil
}

// list returns the listed keys.
func list(ctx context.Context, s backends.Store, prefix string) ([]string, error) {
	var keys []string
	for info, err := range s.List(ctx, prefix) {
		if err != nil {
			return keys, fmt.Errorf("List(%s): %w", name(prefix), err)
		}
		keys = append(keys, info.Key)
	}
	return keys, nil
}

var errNil = errors.New("no error")

// orNil makes a nil error printable by %w.
func orNil(err error) error {
	if err == nil {
		return errNil
	}
	return err
}

// name quotes s, shortened for messages.
func name(s string) string {
	if len(s) > 40 {
		return fmt.Sprintf("%q… (%d bytes)", s[:40], len(s))
	}
	return fmt.Sprintf("%q", s)
}
