// Package localfs keeps objects as files of a local file system.
//
//	DIR/config             an object: the file DIR/<key>, mode 0400
//	DIR/packs/ab/abcd…     directories are made at need, mode 0700
//	DIR/tmp/XQ2K…          an object that is not finished; never listed
//	DIR/index/             not ours: the store's index; never listed
//
// Objects are read-only files because they never change: what a slip of an
// editor or of a shell's redirection would overwrite may be the only copy of
// something published.
//
// An object is written to a file in tmp, at once or bit by bit. A Put syncs it,
// links it to its name, and syncs the name's directory. link(2) fails if the name
// is taken, which makes the put atomic and if-absent between processes too; where
// hard links are not to be had, a rename that replaces nothing takes its place. So:
//
//   - A name never means less than a whole, synced file, whatever stops the
//     machine and in whatever order the disk does its work.
//   - Once Put answers nil or ErrExist, the name is durable, whoever made it:
//     its directory, and the directories above it up to DIR, have been synced
//     since they were seen to hold it.
//   - What a stopped process leaves behind is a file in tmp, which Sweep takes.
//
// Get, Stat and List may show an object whose Put is still syncing its name;
// only the answer of a Put vouches for durability. A Delete is not synced: a
// power failure may bring the object back.
//
// Directories are never removed while anybody may have the store open. Two
// keys that differ only in case need a file system that tells them apart.
package localfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/artifortress/afs-engine/backends"
)

// Names in the store's directory that are no keys.
const (
	tmpDir   = "tmp"
	indexDir = "index"
)

// Options are what Open needs besides the directory. The zero value works.
type Options struct {
	Now func() time.Time // the clock that Sweep goes by; nil: time.Now
}

// Store is a backends.Store in a directory. Beyond what is ErrBadKey anyway,
// it refuses keys whose first segment is "tmp" or "index".
type Store struct {
	dir     string // absolute
	device  uint64 // of the file system that dir was on when it was opened
	now     func() time.Time
	disk    disk
	durable dirSet
}

var _ backends.Store = (*Store)(nil)

// Open opens the store in dir, an existing directory, which may be read-only
// as long as nothing is put. Temporary files a day old are removed on the way.
func Open(dir string, o Options) (*Store, error) {
	return open(dir, o, osDisk{})
}

func open(dir string, o Options, d disk) (*Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{dir: abs, now: o.Now, disk: d}
	if s.now == nil {
		s.now = time.Now
	}
	if s.device, err = device(abs); err == nil {
		err = notRemote(abs, d)
	}
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

// Create makes dir, mode 0700, and the directories above it that are missing,
// all of it durable. A dir that is there already is no error.
func Create(dir string) error { return create(dir, osDisk{}) }

func create(dir string, d disk) error {
	abs, err := filepath.Abs(dir)
	if err == nil {
		err = makeAll(abs, d)
	}
	if err == nil {
		err = notRemote(abs, d)
	}
	if err != nil {
		return fmt.Errorf("create store: %w", err)
	}
	return nil
}

func makeAll(dir string, d disk) error {
	err := d.Mkdir(dir)
	if errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir {
		if err := makeAll(filepath.Dir(dir), d); err != nil {
			return err
		}
		err = d.Mkdir(dir)
	}
	made := err == nil
	if !made {
		// It may be there; then why it could not be made does not matter.
		if _, statErr := device(dir); statErr != nil {
			return err
		}
	}
	err = d.SyncDir(filepath.Dir(dir))
	if !made && errors.Is(err, fs.ErrPermission) {
		return nil // somebody else's directory, made long ago
	}
	return err
}

// Dir is the store's directory, an absolute path.
func (s *Store) Dir() string { return s.dir }

// device returns the number of the file system that dir, a directory, is on.
func device(dir string) (uint64, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return 0, err
	}
	if !info.IsDir() {
		return 0, &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Dev), nil
	}
	return 0, nil
}

// mounted returns ErrUnavailable if the store's directory is gone, or shows
// another file system: an unplugged disk must not look like an empty store.
func (s *Store) mounted() error {
	dev, err := device(s.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		// Not wrapped: it is not the object that does not exist.
		return fmt.Errorf("%w: %v", backends.ErrUnavailable, err)
	case err != nil:
		return err
	case dev != s.device:
		return fmt.Errorf("%w: %s is not on the file system it was opened on", backends.ErrUnavailable, s.dir)
	}
	return nil
}

// absent turns the error of a path that is not there into ErrNotExist.
func (s *Store) absent(err error) error {
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		return err
	}
	if err := s.mounted(); err != nil {
		return err
	}
	return backends.ErrNotExist
}

// checkMode returns nil for a file, ErrNotExist for a directory of keys, and
// an error for what has no business here.
func checkMode(m fs.FileMode) error {
	switch {
	case m.IsRegular():
		return nil
	case m.IsDir():
		return backends.ErrNotExist
	}
	return fmt.Errorf("neither file nor directory: %v", m)
}

func (s *Store) path(key string) string { return filepath.Join(s.dir, key) }

func check(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return ctx.Err()
}

func checkKey(key string) error {
	if err := backends.ValidateKey(key); err != nil {
		return err
	}
	if first, _, _ := strings.Cut(key, "/"); first == tmpDir || first == indexDir {
		return fmt.Errorf("%w: %q begins with a reserved name", backends.ErrBadKey, key)
	}
	return nil
}
