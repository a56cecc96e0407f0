package mem

import (
	"context"
	"errors"
	"fmt"

	"github.com/artifortress/afs-engine/backends"
)

var _ backends.Appender = (*Store)(nil)

// Begin implements backends.Appender.
func (s *Store) Begin(ctx context.Context) (backends.Upload, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("begin an object: %w", err)
	}
	return &upload{s: s}, nil
}

type upload struct {
	s     *Store
	data  []byte
	ended bool
}

var errEnded = errors.New("the upload has ended")

func (u *upload) Write(b []byte) (int, error) {
	if u.ended {
		return 0, errEnded
	}
	u.data = append(u.data, b...)
	return len(b), nil
}

func (u *upload) Put(ctx context.Context, key string) error {
	if u.ended {
		return fmt.Errorf("put %s: %w", key, errEnded)
	}
	defer u.Abort()
	if err := check(ctx, key); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	return u.s.keep(ctx, key, u.data)
}

func (u *upload) Abort() { u.data, u.ended = nil, true }
