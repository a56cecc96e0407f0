package localfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Sweep removes temporary files that nobody has written to for longer than
// olderThan, and returns how many. If the process that wrote one is still at
// it, its Put fails.
func (s *Store) Sweep(olderThan time.Duration) (int, error) {
	n, err := s.sweep(s.now().Add(-olderThan))
	if err != nil {
		return n, fmt.Errorf("sweep temporary files: %w", err)
	}
	return n, nil
}

func (s *Store) sweep(before time.Time) (removed int, err error) {
	dir, err := os.Open(filepath.Join(s.dir, tmpDir))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	for {
		entries, err := dir.ReadDir(dirBatch)
		for _, e := range entries {
			info, err := e.Info()
			if err != nil || !info.Mode().IsRegular() || !info.ModTime().Before(before) {
				continue // gone, not ours, or young
			}
			err = s.disk.Remove(filepath.Join(dir.Name(), e.Name()))
			if err == nil {
				removed++
			} else if !errors.Is(err, fs.ErrNotExist) {
				return removed, err
			}
		}
		if err == io.EOF {
			return removed, nil
		}
		if err != nil {
			return removed, err
		}
	}
}
