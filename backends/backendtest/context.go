package backendtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/artifortress/afs-engine/backends"
)

var contextChecks = []check{
	{"a cancelled context stops every method", func(ctx context.Context, s backends.Store) error {
		if err := put(ctx, s, "here", "content"); err != nil {
			return err
		}
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		_, getErr := read(cancelled, s, "here", 0, -1)
		_, statErr := s.Stat(cancelled, "here")
		_, listErr := list(cancelled, s, "")
		_, listNothingErr := list(cancelled, s, "nothing/")
		for op, err := range map[string]error{
			"Put":             put(cancelled, s, "new", "content"),
			"Get":             getErr,
			"Stat":            statErr,
			"List":            listErr,
			"List of nothing": listNothingErr,
			"Delete":          s.Delete(cancelled, "here"),
		} {
			if !errors.Is(err, context.Canceled) {
				return fmt.Errorf("%s gives %w, want context.Canceled", op, orNil(err))
			}
		}
		return errors.Join(wantObject(ctx, s, "here", "content"), wantAbsent(ctx, s, "new"))
	}},

	{"a put cancelled on its way leaves nothing", func(ctx context.Context, s backends.Store) error {
		cancellable, cancel := context.WithCancel(ctx)
		defer cancel()
		body := &cancellingBody{strings.NewReader(strings.Repeat("x", 1<<20)), cancel}
		if err := s.Put(cancellable, "dir/cut", body); !errors.Is(err, context.Canceled) {
			return fmt.Errorf("Put gives %w, want context.Canceled", orNil(err))
		}
		return wantAbsent(ctx, s, "dir/cut")
	}},

	{"a get cancelled on its way is never short", func(ctx context.Context, s backends.Store) error {
		text := strings.Repeat("0123456789", 100_000)
		if err := put(ctx, s, "long", text); err != nil {
			return err
		}
		cancellable, cancel := context.WithCancel(ctx)
		defer cancel()
		r, err := s.Get(cancellable, "long", 0, -1)
		if err != nil {
			return err
		}
		defer r.Close()
		head := make([]byte, 10)
		if _, err := io.ReadFull(r, head); err != nil {
			return err
		}
		cancel()
		tail, err := io.ReadAll(r)
		if err == nil && string(head)+string(tail) != text {
			return fmt.Errorf("Get gives %d bytes and no error, want %d", len(head)+len(tail), len(text))
		}
		return nil
	}},

	{"a listing cancelled on its way says so", func(ctx context.Context, s backends.Store) error {
		var keys []string
		for i := range 30 {
			keys = append(keys, fmt.Sprintf("dir%d/key%d", i/10, i))
		}
		if err := putAll(ctx, s, keys...); err != nil {
			return err
		}
		cancellable, cancel := context.WithCancel(ctx)
		defer cancel()
		n, failed := 0, false
		for _, err := range s.List(cancellable, "") {
			if failed {
				return errors.New("List goes on after an error")
			}
			failed = err != nil
			n++
			cancel()
		}
		if !failed && n != len(keys) {
			return fmt.Errorf("List ends after %d of %d keys without an error", n, len(keys))
		}
		return nil
	}},
}

// cancellingBody cancels when it is first read.
type cancellingBody struct {
	io.ReadSeeker
	cancel func()
}

func (b *cancellingBody) Read(p []byte) (int, error) {
	b.cancel()
	return b.ReadSeeker.Read(p)
}
