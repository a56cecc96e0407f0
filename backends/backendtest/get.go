package backendtest

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/artifortress/afs-engine/backends"
)

var getChecks = []check{
	{"get ranges", func(ctx context.Context, s backends.Store) error {
		const text = "0123456789"
		const size = int64(len(text))
		if err := errors.Join(put(ctx, s, "ranged", text), put(ctx, s, "empty", "")); err != nil {
			return err
		}
		for off := range size + 1 {
			for n := range size - off + 1 {
				if err := wantRange(ctx, s, "ranged", off, n, text[off:off+n]); err != nil {
					return err
				}
			}
			for _, n := range []int64{-1, -7, math.MinInt64} {
				if err := wantRange(ctx, s, "ranged", off, n, text[off:]); err != nil {
					return err
				}
			}
		}
		return errors.Join(wantRange(ctx, s, "empty", 0, 0, ""), wantRange(ctx, s, "empty", 0, -1, ""))
	}},

	{"get refuses ranges outside of the object", func(ctx context.Context, s backends.Store) error {
		if err := errors.Join(put(ctx, s, "ranged", "0123456789"), put(ctx, s, "empty", "")); err != nil {
			return err
		}
		for _, r := range []struct {
			key    string
			off, n int64
		}{
			{"ranged", 0, 11},
			{"ranged", 9, 2},
			{"ranged", 10, 1},
			{"ranged", 11, 0},
			{"ranged", 11, 1},
			{"ranged", 11, -1},
			{"ranged", -1, 0},
			{"ranged", -1, 1},
			{"ranged", -1, -1},
			{"ranged", math.MinInt64, 1},
			{"ranged", 1, math.MaxInt64},
			{"ranged", math.MaxInt64, math.MaxInt64},
			{"ranged", math.MaxInt64, -1},
			{"empty", 0, 1},
			{"empty", 1, 0},
			{"empty", 1, -1},
		} {
			if got, err := read(ctx, s, r.key, r.off, r.n); !errors.Is(err, backends.ErrRange) {
				return fmt.Errorf("Get(%s, %d, %d) gives %q, %w, want ErrRange", r.key, r.off, r.n, got, orNil(err))
			}
		}
		return nil
	}},

	{"get and stat of an absent object", func(ctx context.Context, s backends.Store) error {
		if err := putAll(ctx, s, "dir/b"); err != nil {
			return err
		}
		for _, key := range []string{"a", "dir/a", "dir/c", "nodir/x", "dir/sub/x"} {
			if err := wantAbsent(ctx, s, key); err != nil {
				return err
			}
			for _, r := range [][2]int64{{0, 0}, {5, 5}, {-1, 1}} {
				if _, err := read(ctx, s, key, r[0], r[1]); !errors.Is(err, backends.ErrNotExist) {
					return fmt.Errorf("Get(%s, %d, %d) gives %w, want ErrNotExist", key, r[0], r[1], orNil(err))
				}
			}
		}
		return nil
	}},
}

func wantRange(ctx context.Context, s backends.Store, key string, off, n int64, want string) error {
	got, err := read(ctx, s, key, off, n)
	if err != nil || got != want {
		return fmt.Errorf("Get(%s, %d, %d) gives %q, %w, want %q", key, off, n, got, orNil(err), want)
	}
	return nil
}
