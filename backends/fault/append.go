package fault

import (
	"bytes"
	"context"
	"errors"

	"github.com/artifortress/afs-engine/backends"
)

// Appending is a Store that takes objects bit by bit as well. It gathers them in
// memory: what a rule does to a Put, it does to an upload's.
type Appending struct{ *Store }

var _ backends.Appender = Appending{}

// Begin implements backends.Appender.
func (s Appending) Begin(ctx context.Context) (backends.Upload, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &upload{s: s.Store}, nil
}

type upload struct {
	s     *Store
	data  bytes.Buffer
	ended bool
}

var errEnded = errors.New("the upload has ended")

func (u *upload) Write(b []byte) (int, error) {
	if u.ended {
		return 0, errEnded
	}
	return u.data.Write(b)
}

func (u *upload) Put(ctx context.Context, key string) error {
	if u.ended {
		return errEnded
	}
	u.ended = true
	return u.s.Put(ctx, key, bytes.NewReader(u.data.Bytes()))
}

func (u *upload) Abort() { u.ended = true }
