package localfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/artifortress/afs-engine/backends"
)

// Get opens the object's file. Each Get holds one file descriptor until its
// reader is closed; the object can be deleted meanwhile.
func (s *Store) Get(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if err := check(ctx, key); err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	f, err := os.OpenFile(s.path(key), os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", key, s.absent(err))
	}
	r, err := newReader(ctx, f, key, off, n)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("get %s: %w", key, err)
	}
	return r, nil
}

// Local implements backends.Local.
func (s *Store) Local() {}

// Stat looks at the object's file.
func (s *Store) Stat(ctx context.Context, key string) (backends.Info, error) {
	if err := check(ctx, key); err != nil {
		return backends.Info{}, fmt.Errorf("stat: %w", err)
	}
	info, err := os.Lstat(s.path(key))
	if err != nil {
		return backends.Info{}, fmt.Errorf("stat %s: %w", key, s.absent(err))
	}
	if err := checkMode(info.Mode()); err != nil {
		return backends.Info{}, fmt.Errorf("stat %s: %w", key, err)
	}
	return backends.Info{Key: key, Size: info.Size(), ModTime: info.ModTime()}, nil
}

// Delete removes the object's file, and leaves its directory.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := check(ctx, key); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	err := s.disk.Remove(s.path(key))
	if err == nil {
		return nil
	}
	if info, statErr := os.Lstat(s.path(key)); statErr == nil && info.IsDir() {
		return nil // not an object; systems differ in how they refuse
	}
	if err = s.absent(err); errors.Is(err, backends.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("delete %s: %w", key, err)
}

// reader gives left bytes of a file from off, or an error.
type reader struct {
	ctx  context.Context
	f    *os.File
	key  string
	off  int64
	left int64
}

// newReader checks the range. It takes f over if it succeeds.
func newReader(ctx context.Context, f *os.File, key string, off, n int64) (*reader, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkMode(info.Mode()); err != nil {
		return nil, err
	}
	size := info.Size()
	if off < 0 || off > size || n > size-off {
		return nil, fmt.Errorf("%w: %d bytes from %d of %d", backends.ErrRange, n, off, size)
	}
	if n < 0 {
		n = size - off
	}
	return &reader{ctx, f, key, off, n}, nil
}

func (r *reader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	if err := r.ctx.Err(); err != nil {
		return 0, fmt.Errorf("read %s: %w", r.key, err)
	}
	n, err := r.f.ReadAt(p[:min(r.left, int64(len(p)))], r.off)
	r.off += int64(n)
	r.left -= int64(n)
	switch {
	case r.left == 0:
		return n, nil
	case err == io.EOF:
		err = fmt.Errorf("read %s: %w: it ends at %d, %d bytes early", r.key, io.ErrUnexpectedEOF, r.off, r.left)
	case err != nil:
		err = fmt.Errorf("read %s: %w", r.key, err)
	}
	return n, err
}

func (r *reader) Close() error { return r.f.Close() }
