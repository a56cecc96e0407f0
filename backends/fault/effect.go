package fault

import (
	"bytes"
	"context"
	"io"
	"time"
)

// Effect is something that happens to a call. The zero Effect is nothing.
type Effect struct {
	before func(context.Context, Call) error
	after  error                                          // instead of success
	lose   bool                                           // skip the inner call, report success
	body   func(io.ReadSeeker) (io.ReadSeeker, error)     // Put
	reader func(off int64, r io.ReadCloser) io.ReadCloser // Get
	cut    *cut                                           // List
}

type cut struct {
	left int64
	err  error
}

// Hook calls f before the call, which fails with f's error, if there is one,
// and then has no effect. f may block, count, or note that the process is to
// die here.
func Hook(f func(context.Context, Call) error) Effect { return Effect{before: f} }

// Fail fails the call with err, without effect.
func Fail(err error) Effect {
	return Hook(func(context.Context, Call) error { return err })
}

// FailAfter lets the call have its effect and then fails it with err: the
// caller cannot know the outcome. A listing fails at its end, a Get when it
// opens.
func FailAfter(err error) Effect { return Effect{after: err} }

// Delay waits before the call. A context that ends sooner fails it.
func Delay(d time.Duration) Effect {
	return Hook(func(ctx context.Context, _ Call) error {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// Lose makes a Put or Delete report success and do nothing.
func Lose() Effect { return Effect{lose: true} }

// Tear makes a Put store no more than the first n bytes, and report success.
func Tear(n int64) Effect {
	return Effect{body: func(body io.ReadSeeker) (io.ReadSeeker, error) {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		b, err := io.ReadAll(io.LimitReader(body, n))
		return bytes.NewReader(b), err
	}}
}

// Flip changes one bit of the object's byte at off, whenever a Get reads it.
func Flip(off int64) Effect {
	return Effect{reader: func(at int64, r io.ReadCloser) io.ReadCloser {
		return &flipReader{r, off - at}
	}}
}

// Cut lets n bytes of a Get or n entries of a List through and then fails with
// err. With io.EOF a Get breaks its contract: it ends early and clean.
func Cut(n int64, err error) Effect {
	return Effect{
		reader: func(_ int64, r io.ReadCloser) io.ReadCloser { return &cutReader{r, cut{n, err}} },
		cut:    &cut{n, err},
	}
}

type flipReader struct {
	io.ReadCloser
	left int64 // bytes before the one to flip; negative: it is behind us
}

func (r *flipReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if r.left >= 0 && r.left < int64(n) {
		p[r.left] ^= 1
	}
	r.left -= int64(n)
	return n, err
}

type cutReader struct {
	io.ReadCloser
	cut
}

func (r *cutReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, r.err
	}
	n, err := r.ReadCloser.Read(p[:min(r.left, int64(len(p)))])
	r.left -= int64(n)
	return n, err
}
