package localfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"github.com/artifortress/afs-engine/backends"
)

// bufferMax is the most memory that a Put uses, in bytes.
const bufferMax = 256 << 10

// Put stores body in a new file. The order of the steps is the package
// comment's; a failure before the link leaves nothing, one after it leaves the
// whole object, perhaps not durable.
func (s *Store) Put(ctx context.Context, key string, body io.ReadSeeker) error {
	if err := check(ctx, key); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	if err := s.put(ctx, key, body); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}

func (s *Store) put(ctx context.Context, key string, body io.ReadSeeker) error {
	u, err := s.begin()
	if err != nil {
		return err
	}
	defer u.Abort()
	if err := copyBody(ctx, u, body); err != nil {
		return err
	}
	return u.put(ctx, key)
}

// publish gives the file at tmp its name, durably.
func (s *Store) publish(tmp, key string) error {
	if err := s.makeDurable(keyDir(key)); err != nil {
		return err
	}
	err := s.name(tmp, s.path(key))
	taken := errors.Is(err, fs.ErrExist)
	if err != nil && !taken {
		return err
	}
	// Also if it is taken: whoever took it may have been stopped before this.
	if err := s.disk.SyncDir(s.path(keyDir(key))); err != nil {
		return err
	}
	if taken {
		return backends.ErrExist
	}
	return nil
}

// copyBody writes all of body to w, or fails.
func copyBody(ctx context.Context, w io.Writer, body io.ReadSeeker) error {
	size, err := body.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = body.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("seek in body: %w", err)
	}
	buf := make([]byte, min(size, bufferMax))
	for done := int64(0); done < size; done += int64(len(buf)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		buf = buf[:min(size-done, bufferMax)]
		if _, err := io.ReadFull(body, buf); err != nil {
			return fmt.Errorf("read body: %w", err)
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// name gives the file at tmp the name path, unless it is taken.
func (s *Store) name(tmp, path string) error {
	err := s.disk.Link(tmp, path)
	if !errors.Is(err, syscall.EPERM) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	// A file system without hard links, or a file that is not ours to link.
	renameErr := s.disk.Rename(tmp, path)
	if renameErr == nil || errors.Is(renameErr, fs.ErrExist) {
		return renameErr
	}
	return fmt.Errorf("%w, and %w", err, renameErr)
}
