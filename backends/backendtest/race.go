package backendtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/artifortress/afs-engine/backends"
)

var raceChecks = []check{
	{"of 16 racing puts exactly one wins", func(ctx context.Context, s backends.Store) error {
		const racers = 16
		for round := range 4 {
			key := fmt.Sprintf("race%d/to/the/key", round)
			var errs [racers]error
			var wg sync.WaitGroup
			start := make(chan struct{})
			for i := range racers {
				wg.Go(func() {
					<-start
					errs[i] = put(ctx, s, key, racerText(i))
				})
			}
			close(start)
			wg.Wait()
			winner := -1
			for i, err := range errs {
				switch {
				case err == nil && winner < 0:
					winner = i
				case err == nil:
					return fmt.Errorf("Put(%s) succeeds for %d and %d", key, winner, i)
				case !errors.Is(err, backends.ErrExist):
					return err
				}
			}
			if winner < 0 {
				return fmt.Errorf("Put(%s) succeeds for nobody", key)
			}
			if err := wantObject(ctx, s, key, racerText(winner)); err != nil {
				return err
			}
		}
		return nil
	}},

	{"everything at once", func(ctx context.Context, s backends.Store) error {
		keys := []string{"a", "b/c", "b/d", "e/f/g"}
		errs := make([]error, 8)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				for j := 0; j < 12 && errs[i] == nil; j++ {
					errs[i] = disturb(ctx, s, keys[(i+j)%len(keys)], i*100+j)
				}
			})
		}
		wg.Wait()
		return errors.Join(errs...)
	}},
}

// racerText is long enough to be written in several steps, and tells whether
// it is whole.
func racerText(i int) string { return strings.Repeat(fmt.Sprintf("racer %03d|", i), 30_000) }

// disturb uses key while others do, and fails if it meets anything that is not
// one whole object.
func disturb(ctx context.Context, s backends.Store, key string, n int) error {
	text := strings.Repeat(fmt.Sprintf("%04d|", n), 2_000+n)
	if err := put(ctx, s, key, text); err != nil && !errors.Is(err, backends.ErrExist) {
		return err
	}
	got, err := read(ctx, s, key, 0, -1)
	if err != nil && !errors.Is(err, backends.ErrNotExist) {
		return err
	}
	if err == nil {
		var m int
		if _, err := fmt.Sscanf(got, "%04d|", &m); err != nil {
			return fmt.Errorf("Get(%s) gives %s", key, name(got))
		}
		if want := strings.Repeat(fmt.Sprintf("%04d|", m), 2_000+m); got != want {
			return fmt.Errorf("Get(%s) gives %d bytes of %d", key, len(got), len(want))
		}
	}
	if _, err := s.Stat(ctx, key); err != nil && !errors.Is(err, backends.ErrNotExist) {
		return err
	}
	if _, err := list(ctx, s, ""); err != nil {
		return err
	}
	if n%3 == 0 {
		return s.Delete(ctx, key)
	}
	return nil
}
