package backendtest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/artifortress/afs-engine/backends"
)

// listed are keys whose order tells byte order from the orders that a store
// may come by more easily: that of directories, of segments, of letters.
var listed = []string{
	"a-b", "a.b", "a/b", "a/c/d", "a0", "aB", "a_b", "ab/c", "ab/c-d/e", "ab/c.d", "ab/c0/e", "b",
	"log/00000000000000000001", "log/00000000000000000002", "log/00000000000000000010", "log0/x",
	"Z", "packs/ab/abcd", "packs/ab/abce", "packs/b0/b0cd",
}

var listChecks = []check{
	{"list in byte order, by any prefix", func(ctx context.Context, s backends.Store) error {
		if err := putAll(ctx, s, listed...); err != nil {
			return err
		}
		prefixes := []string{
			"", "/", "//", ".", "..", "../", "a//", "a/./", "./a", "/a", "a/../a", "a\x00", "ä", "\xff", "packs/ab/abcd/", "packs/ab/abcd0",
			"zzz", "nodir/", "tmp", "tmp/", "index/", strings.Repeat("a", 300), strings.Repeat("a/", 600),
		}
		for _, key := range listed {
			for i := range len(key) {
				prefixes = append(prefixes, key[:i+1])
			}
		}
		for _, prefix := range prefixes {
			var want []string
			for _, key := range listed {
				if strings.HasPrefix(key, prefix) {
					want = append(want, key)
				}
			}
			slices.Sort(want)
			got, err := list(ctx, s, prefix)
			if err != nil || !slices.Equal(got, want) {
				return fmt.Errorf("List(%s) gives %q, %w, want %q", name(prefix), got, orNil(err), want)
			}
		}
		return nil
	}},

	{"list says what stat says", func(ctx context.Context, s backends.Store) error {
		if err := putAll(ctx, s, listed...); err != nil {
			return err
		}
		for got, err := range s.List(ctx, "") {
			if err != nil {
				return err
			}
			want, err := s.Stat(ctx, got.Key)
			if err != nil {
				return err
			}
			if got.Size != want.Size || !got.ModTime.Equal(want.ModTime) {
				return fmt.Errorf("List gives %+v, Stat %+v", got, want)
			}
		}
		return nil
	}},

	{"list nothing", func(ctx context.Context, s backends.Store) error {
		if keys, err := list(ctx, s, ""); err != nil || len(keys) != 0 {
			return fmt.Errorf("List of an empty store gives %q, %w", keys, orNil(err))
		}
		return nil
	}},

	{"list can be left early and ranged over again", func(ctx context.Context, s backends.Store) error {
		if err := putAll(ctx, s, "a", "b", "c/d", "e"); err != nil {
			return err
		}
		seq := s.List(ctx, "")
		for _, stop := range []string{"a", "c/d", "e"} {
			last := ""
			for info, err := range seq {
				if err != nil {
					return err
				}
				if last = info.Key; last == stop {
					break
				}
			}
			if last != stop {
				return fmt.Errorf("List stopped at %q, want %q", last, stop)
			}
		}
		return putAll(ctx, s, "f")
	}},

	{"list goes on while objects come and go", func(ctx context.Context, s backends.Store) error {
		var want []string
		for i := range 40 {
			want = append(want, fmt.Sprintf("dir%d/stays%02d", i/20, i))
		}
		if err := putAll(ctx, s, want...); err != nil {
			return err
		}
		gone := []string{"dir0/goes", "dir0/then-goes", "dir1/goes", "dir2/goes"}
		if err := putAll(ctx, s, gone...); err != nil {
			return err
		}
		var got []string
		for info, err := range s.List(ctx, "") {
			if err != nil {
				return err
			}
			if len(got) > 0 && info.Key <= got[len(got)-1] {
				return fmt.Errorf("List gives %q after %q", info.Key, got[len(got)-1])
			}
			got = append(got, info.Key)
			if err := put(ctx, s, fmt.Sprintf("dir1/comes%d", len(got)), ""); err != nil {
				return err
			}
			for _, key := range gone {
				if err := s.Delete(ctx, key); err != nil {
					return err
				}
			}
		}
		got = slices.DeleteFunc(got, func(key string) bool { return !strings.Contains(key, "stays") })
		if !slices.Equal(got, want) {
			return fmt.Errorf("List gives %q, want %q among others", got, want)
		}
		return nil
	}},
}
