package backendtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"

	"github.com/artifortress/afs-engine/backends"
)

var putChecks = []check{
	{"put and read back", func(ctx context.Context, s backends.Store) error {
		if err := wantAbsent(ctx, s, "dir/object"); err != nil {
			return err
		}
		if err := put(ctx, s, "dir/object", "content"); err != nil {
			return err
		}
		return wantObject(ctx, s, "dir/object", "content")
	}},

	{"put an empty object", func(ctx context.Context, s backends.Store) error {
		if err := put(ctx, s, "empty", ""); err != nil {
			return err
		}
		return wantObject(ctx, s, "empty", "")
	}},

	{"put 8 MiB", func(ctx context.Context, s backends.Store) error {
		data := make([]byte, 8<<20)
		rng := rand.NewChaCha8([32]byte{1})
		rng.Read(data)
		if err := s.Put(ctx, "large", bytes.NewReader(data)); err != nil {
			return err
		}
		return wantObject(ctx, s, "large", string(data))
	}},

	{"put of a taken key changes nothing", func(ctx context.Context, s backends.Store) error {
		if err := put(ctx, s, "taken", "first"); err != nil {
			return err
		}
		for _, text := range []string{"second", "first", ""} {
			if err := put(ctx, s, "taken", text); !errors.Is(err, backends.ErrExist) {
				return fmt.Errorf("Put of a taken key gives %w, want ErrExist", orNil(err))
			}
		}
		return wantObject(ctx, s, "taken", "first")
	}},

	{"put takes the body from its start", func(ctx context.Context, s backends.Store) error {
		body := strings.NewReader("0123456789")
		if _, err := body.Seek(7, io.SeekStart); err != nil {
			return err
		}
		if err := s.Put(ctx, "whole", body); err != nil {
			return err
		}
		return wantObject(ctx, s, "whole", "0123456789")
	}},

	{"put of a body that fails leaves nothing", func(ctx context.Context, s backends.Store) error {
		for _, failAt := range []int{0, 1, 100_000} {
			key := fmt.Sprintf("dir/fails%d", failAt)
			body := &failingBody{*bytes.NewReader(make([]byte, 200_000)), failAt}
			if err := s.Put(ctx, key, body); !errors.Is(err, errBody) {
				return fmt.Errorf("Put of a body that fails gives %w, want its error", orNil(err))
			}
			if err := wantAbsent(ctx, s, key); err != nil {
				return err
			}
			if err := put(ctx, s, key, "now"); err != nil {
				return err
			}
			if err := wantObject(ctx, s, key, "now"); err != nil {
				return err
			}
		}
		return nil
	}},

	{"put does not keep the body", func(ctx context.Context, s backends.Store) error {
		b := []byte("before")
		if err := s.Put(ctx, "copied", bytes.NewReader(b)); err != nil {
			return err
		}
		copy(b, "after!")
		return wantObject(ctx, s, "copied", "before")
	}},

	{"delete, delete again, put anew", func(ctx context.Context, s backends.Store) error {
		const key = "dir/deleted"
		for _, text := range []string{"one", "another"} {
			if err := s.Delete(ctx, key); err != nil {
				return fmt.Errorf("Delete of an absent key: %w", err)
			}
			if err := put(ctx, s, key, text); err != nil {
				return err
			}
			if err := wantObject(ctx, s, key, text); err != nil {
				return err
			}
			if err := s.Delete(ctx, key); err != nil {
				return fmt.Errorf("Delete: %w", err)
			}
			if err := wantAbsent(ctx, s, key); err != nil {
				return err
			}
		}
		return nil
	}},

	{"delete takes one object only", func(ctx context.Context, s backends.Store) error {
		if err := putAll(ctx, s, "dir/a", "dir/ab", "dir/b"); err != nil {
			return err
		}
		if err := s.Delete(ctx, "dir/a"); err != nil {
			return err
		}
		return errors.Join(wantAbsent(ctx, s, "dir/a"), wantObject(ctx, s, "dir/ab", "dir/ab"), wantObject(ctx, s, "dir/b", "dir/b"))
	}},
}

var errBody = errors.New("body fails")

// failingBody fails once so many bytes have been read.
type failingBody struct {
	bytes.Reader
	left int
}

func (b *failingBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errBody
	}
	n, err := b.Reader.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// WriteTo hides the one of bytes.Reader, which would not fail.
func (b *failingBody) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{b})
}
