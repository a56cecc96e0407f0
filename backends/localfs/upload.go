package localfs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/artifortress/afs-engine/backends"
)

// upload is a file in tmp that is being written. If it stays, because we are
// stopped before Put or Abort, Sweep takes it.
type upload struct {
	s       *Store
	path    string
	f       file  // nil: the upload has ended
	failed  error // of a Write
	behind  int64 // bytes that the disk has not been told to write
	flushed int64 // bytes that it has
}

var _ backends.Appender = (*Store)(nil)

var errEnded = errors.New("the upload has ended")

// Begin implements backends.Appender.
func (s *Store) Begin(ctx context.Context) (backends.Upload, error) {
	err := ctx.Err()
	if err == nil {
		var u *upload
		if u, err = s.begin(); err == nil {
			return u, nil
		}
	}
	return nil, fmt.Errorf("begin an object: %w", err)
}

func (s *Store) begin() (*upload, error) {
	if err := s.mounted(); err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, tmpDir, rand.Text())
	f, err := s.disk.Create(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.disk.Mkdir(filepath.Dir(path)); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		f, err = s.disk.Create(path)
	}
	if err != nil {
		return nil, err
	}
	return &upload{s: s, path: path, f: f}, nil
}

// Write implements backends.Upload.
func (u *upload) Write(b []byte) (int, error) {
	if u.f == nil {
		return 0, errEnded
	}
	n, err := u.f.Write(b)
	if err != nil {
		u.failed = err
	}
	u.behind += int64(n)
	if u.behind >= flushEach {
		u.f.Flush(u.flushed, u.behind)
		u.flushed, u.behind = u.flushed+u.behind, 0
	}
	return n, err
}

// flushEach is after how many bytes the disk is told to begin: what it has
// written by then need not be waited for in the end.
const flushEach = 4 << 20

// Put implements backends.Upload.
func (u *upload) Put(ctx context.Context, key string) error {
	defer u.Abort()
	err := check(ctx, key)
	if err == nil {
		err = u.put(ctx, key)
	}
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}

func (u *upload) put(ctx context.Context, key string) error {
	if u.f == nil {
		return errEnded
	}
	if u.failed != nil {
		return u.failed
	}
	if err := u.s.mounted(); err != nil {
		return err
	}
	err := u.f.Sync()
	if closeErr := u.f.Close(); err == nil {
		err = closeErr
	}
	u.f = nil
	defer u.s.disk.Remove(u.path)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	err = u.s.publish(u.path, key)
	if errors.Is(err, fs.ErrNotExist) {
		// Somebody removed a directory that we had seen.
		u.s.durable.clear()
		err = u.s.publish(u.path, key)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: somebody removes files while they are written: %v", backends.ErrUnavailable, err)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: it leads through another object: %w", backends.ErrBadKey, err)
	}
	return err
}

// Abort implements backends.Upload.
func (u *upload) Abort() {
	if u.f == nil {
		return
	}
	_ = u.f.Close()
	u.f = nil
	_ = u.s.disk.Remove(u.path)
}
