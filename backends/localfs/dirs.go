package localfs

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
)

// dirsMax is how many directories are remembered as durable.
const dirsMax = 4096

// dirSet remembers directories, by the keys they stand for, that have been
// synced into all directories above them. Forgetting one costs some syncs.
type dirSet struct {
	mu   sync.Mutex
	dirs map[string]struct{}
}

func (d *dirSet) has(dir string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.dirs[dir]
	return ok
}

func (d *dirSet) add(dir string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dirs == nil || len(d.dirs) >= dirsMax {
		d.dirs = map[string]struct{}{}
	}
	d.dirs[dir] = struct{}{}
}

func (d *dirSet) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dirs = nil
}

// keyDir is the key's directory; "" is the store's own.
func keyDir(key string) string {
	if i := strings.LastIndexByte(key, '/'); i >= 0 {
		return key[:i]
	}
	return ""
}

// makeDurable makes dir and what is missing above it, and syncs each into the
// one above. A directory that is there already is synced on first sight all
// the same: the process that made it may not have come to it.
func (s *Store) makeDurable(dir string) error {
	if s.durable.has(dir) {
		return nil
	}
	if dir == "" {
		// Not filepath.Join: the directory above where dir really is.
		if err := s.disk.SyncDir(s.dir + "/.."); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
		s.durable.add(dir)
		return nil
	}
	if err := s.makeDurable(keyDir(dir)); err != nil {
		return err
	}
	if err := s.disk.Mkdir(s.path(dir)); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := s.disk.SyncDir(s.path(keyDir(dir))); err != nil {
		return err
	}
	s.durable.add(dir)
	return nil
}
