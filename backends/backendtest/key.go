package backendtest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/artifortress/afs-engine/backends"
)

var badKeys = []string{
	"", "/", ".", "..", "a/", "/a", "a//b", "a/./b", "a/../b", "../a", ".hidden", "a/.hidden",
	"a b", "a\x00b", "a\nb", "a\\b", "a:b", "a+b", "a%2fb", "ä", "a\xff", "a/*",
	strings.Repeat("a", backends.SegmentMax+1),
	"a/" + strings.Repeat("b", backends.SegmentMax+1) + "/c",
	strings.Repeat("a/", backends.KeyMax/2) + "b",
}

var keyChecks = []check{
	{"bad keys are refused by every method", func(ctx context.Context, s backends.Store) error {
		for _, key := range badKeys {
			_, getErr := read(ctx, s, key, 0, -1)
			_, statErr := s.Stat(ctx, key)
			for op, err := range map[string]error{
				"Put":    put(ctx, s, key, "content"),
				"Get":    getErr,
				"Stat":   statErr,
				"Delete": s.Delete(ctx, key),
			} {
				if !errors.Is(err, backends.ErrBadKey) {
					return fmt.Errorf("%s(%s) gives %w, want ErrBadKey", op, name(key), orNil(err))
				}
			}
		}
		if keys, err := list(ctx, s, ""); err != nil || len(keys) != 0 {
			return fmt.Errorf("bad keys left %q, %w", keys, orNil(err))
		}
		return nil
	}},

	{"long and unusual keys", func(ctx context.Context, s backends.Store) error {
		seg := strings.Repeat("s", backends.SegmentMax)
		keys := []string{
			"-", "_", "-rf", "con", "a..b", "a.", "a...", "CAPS", "0", strings.Repeat("9", 20),
			seg,
			strings.Join([]string{seg[1:], seg, seg, seg, "t"}, "/"), // KeyMax bytes
		}
		for _, key := range keys {
			if err := put(ctx, s, key, "content of "+key); err != nil {
				return err
			}
		}
		for _, key := range keys {
			if err := wantObject(ctx, s, key, "content of "+key); err != nil {
				return err
			}
			got, err := list(ctx, s, key)
			if err != nil || len(got) == 0 || got[0] != key {
				return fmt.Errorf("List(%s) gives %q, %w", name(key), got, orNil(err))
			}
			if err := s.Delete(ctx, key); err != nil {
				return err
			}
			if err := wantAbsent(ctx, s, key); err != nil {
				return err
			}
		}
		return nil
	}},

	// No key is a path prefix of another, so no store needs to support it; but
	// it must answer sanely.
	{"a key below another or above another", func(ctx context.Context, s backends.Store) error {
		for _, keys := range [][2]string{{"up", "up/down/deep"}, {"low/er", "low"}} {
			first, second := keys[0], keys[1]
			if err := put(ctx, s, first, "first"); err != nil {
				return err
			}
			if err := wantAbsent(ctx, s, second); err != nil {
				return err
			}
			err := put(ctx, s, second, "second")
			switch {
			case err == nil:
				err = wantObject(ctx, s, second, "second")
			case errors.Is(err, backends.ErrBadKey), errors.Is(err, backends.ErrExist):
				err = errors.Join(wantAbsent(ctx, s, second), s.Delete(ctx, second))
			}
			if err := errors.Join(err, wantObject(ctx, s, first, "first")); err != nil {
				return err
			}
		}
		return nil
	}},
}
