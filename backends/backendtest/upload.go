package backendtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/artifortress/afs-engine/backends"
)

// TestAppender checks that what is put bit by bit into the stores which open
// returns, all of them a backends.Appender, keeps the contract that what is put at
// once does, and what an upload promises besides.
func TestAppender(t *testing.T, open func(t *testing.T) backends.Store) {
	t.Helper()
	TestStore(t, func(t *testing.T) backends.Store { return appending{open(t)} })
	for _, c := range uploadChecks {
		t.Run(c.name, func(t *testing.T) {
			if err := c.run(t.Context(), open(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// appending is a store whose Put puts bit by bit.
type appending struct{ backends.Store }

func (s appending) Put(ctx context.Context, key string, body io.ReadSeeker) error {
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return err
	}
	u, err := begin(ctx, s.Store)
	if err != nil {
		return err
	}
	defer u.Abort()
	if _, err := io.CopyBuffer(struct{ io.Writer }{u}, struct{ io.Reader }{body}, make([]byte, 100_000)); err != nil {
		return err
	}
	return u.Put(ctx, key)
}

func begin(ctx context.Context, s backends.Store) (backends.Upload, error) {
	a, ok := s.(backends.Appender)
	if !ok {
		return nil, fmt.Errorf("%T is no Appender", s)
	}
	return a.Begin(ctx)
}

// beginWith begins an object with text.
func beginWith(ctx context.Context, s backends.Store, text string) (backends.Upload, error) {
	u, err := begin(ctx, s)
	if err == nil {
		_, err = io.WriteString(u, text)
	}
	return u, err
}

// wantKeys checks that these are all the objects, in order.
func wantKeys(ctx context.Context, s backends.Store, keys ...string) error {
	got, err := list(ctx, s, "")
	if err != nil {
		return err
	}
	if !slices.Equal(got, keys) {
		return fmt.Errorf("the objects are %q, want %q", got, keys)
	}
	return nil
}

var uploadChecks = []check{
	{"an object under way is not seen", func(ctx context.Context, s backends.Store) error {
		u, err := beginWith(ctx, s, "con")
		if err != nil {
			return err
		}
		defer u.Abort()
		return wantKeys(ctx, s)
	}},

	{"abort leaves nothing", func(ctx context.Context, s backends.Store) error {
		u, err := beginWith(ctx, s, "content")
		if err != nil {
			return err
		}
		u.Abort()
		if err := u.Put(ctx, "object"); err == nil {
			return errors.New("Put after Abort gives no error")
		}
		u.Abort() // does nothing
		return wantKeys(ctx, s)
	}},

	{"objects under way do not mix", func(ctx context.Context, s backends.Store) error {
		one, err := beginWith(ctx, s, "o")
		if err != nil {
			return err
		}
		two, err := beginWith(ctx, s, "t")
		if err != nil {
			return err
		}
		for _, u := range []struct {
			backends.Upload
			rest, key string
		}{{one, "ne", "one"}, {two, "wo", "two"}} {
			if _, err := io.WriteString(u, u.rest); err != nil {
				return err
			}
			if err := u.Put(ctx, u.key); err != nil {
				return err
			}
		}
		return errors.Join(wantObject(ctx, s, "one", "one"), wantObject(ctx, s, "two", "two"), wantKeys(ctx, s, "one", "two"))
	}},

	{"an upload ends once", func(ctx context.Context, s backends.Store) error {
		u, err := beginWith(ctx, s, "content")
		if err != nil {
			return err
		}
		if err := u.Put(ctx, "object"); err != nil {
			return err
		}
		if _, err := io.WriteString(u, "more"); err == nil {
			return errors.New("Write after Put gives no error")
		}
		if err := u.Put(ctx, "another"); err == nil {
			return errors.New("a second Put gives no error")
		}
		u.Abort()
		return errors.Join(wantObject(ctx, s, "object", "content"), wantKeys(ctx, s, "object"))
	}},

	{"an upload that was refused is over", func(ctx context.Context, s backends.Store) error {
		if err := put(ctx, s, "taken", "first"); err != nil {
			return err
		}
		u, err := beginWith(ctx, s, "second")
		if err != nil {
			return err
		}
		if err := u.Put(ctx, "taken"); !errors.Is(err, backends.ErrExist) {
			return fmt.Errorf("Put of a taken key gives %w, want ErrExist", orNil(err))
		}
		if err := u.Put(ctx, "free"); err == nil {
			return errors.New("Put after Put gives no error")
		}
		return errors.Join(wantObject(ctx, s, "taken", "first"), wantKeys(ctx, s, "taken"))
	}},
}
