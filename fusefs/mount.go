package fusefs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// fsType is what the kernel calls these mounts, in mount(8) and findmnt(8).
const fsType = "fuse.afs"

// requestMax is the largest read that the kernel asks for at once, in bytes.
const requestMax = 1 << 20

// Server serves one mount. Its methods are safe for concurrent use.
type Server struct {
	dir  string
	dev  string // tells this mount from others at dir
	gone chan struct{}
	live *live

	mu     sync.Mutex
	leave  sync.Once
	cancel context.CancelFunc
}

// Mount shows r at the directory dir, and returns when the mount is usable.
// The caller ends it with Unmount: a process that just exits leaves a mount
// behind on which every call fails (the next Mount clears it away). ErrMounted
// if dir shows a registry already.
func Mount(dir string, r Registry, o Options) (*Server, error) {
	s, err := mount(dir, r, o.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("mount at %s: %w", dir, err)
	}
	return s, nil
}

func mount(dir string, r Registry, o Options) (*Server, error) {
	dir, err := mountPoint(dir)
	if err != nil {
		return nil, err
	}
	if err := prepare(dir); err != nil {
		return nil, err
	}

	ctx, cancel := context.WithCancel(context.Background())
	v := newView(ctx, r, o)
	root, err := v.root()
	if err != nil {
		cancel()
		return nil, err
	}
	server, err := fs.Mount(dir, root, mountOptions(o))
	if err != nil {
		cancel()
		return nil, errors.Join(err, abandon(dir))
	}
	top, err := topMount(dir)
	if err != nil {
		cancel()
		return nil, errors.Join(err, abandon(dir))
	}
	s := &Server{dir: dir, dev: top.dev, gone: make(chan struct{}), live: v.live, cancel: cancel}
	go v.live.run(ctx, root.EmbeddedInode())
	go func() {
		server.Wait()
		cancel()
		s.left()
	}()
	return s, nil
}

// prepare checks that dir can be mounted on, and clears away what a killed
// process has left there.
func prepare(dir string) error {
	top, err := topMount(dir)
	if err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if top.fsType == fsType {
		if !errors.Is(err, syscall.ENOTCONN) {
			return ErrMounted
		}
		if err := unmount(dir, true); err != nil {
			return fmt.Errorf("remove the dead mount: %w", err)
		}
		info, err = os.Stat(dir)
	}
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	return err
}

func mountOptions(o Options) *fs.Options {
	negative := forever
	logger := slog.NewLogLogger(o.Logger.Handler(), slog.LevelWarn)
	_, helper := exec.LookPath(fusermount)
	return &fs.Options{
		NegativeTimeout: &negative,
		NullPermissions: true, // mode 0 is a mode
		RootStableAttr:  &fs.StableAttr{Ino: rootIno},
		Logger:          logger,
		MountOptions: fuse.MountOptions{
			Name:             "afs",
			FsName:           o.StoreName,
			Options:          []string{"ro", "default_permissions"},
			AllowOther:       o.AllowOther,
			MaxWrite:         requestMax,
			MaxReadAhead:     requestMax,
			MaxBackground:    64,
			DirectMount:      helper != nil, // as root it goes without the helper
			DirectMountFlags: syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_RDONLY,
			Logger:           logger,
		},
	}
}

// abandon removes what a failed mount may have left at dir.
func abandon(dir string) error {
	if top, err := topMount(dir); err != nil || top.fsType != fsType {
		return err
	}
	return unmount(dir, true)
}

// Wait returns when the mount is gone, whoever ended it. Files that were open
// then may still be read for as long as the process lives.
func (s *Server) Wait() { <-s.gone }

// Unmount ends the mount. One that is in use is given a moment, and then
// detached: it leaves the tree of directories at once, and those who still use
// it lose it when the process exits. Ending an ended mount is no error.
func (s *Server) Unmount() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for pause := 5 * time.Millisecond; pause < 200*time.Millisecond; pause *= 2 {
		switch err := s.end(false); {
		case err == nil:
			return nil
		case !errors.Is(err, ErrBusy):
			return fmt.Errorf("unmount %s: %w", s.dir, err)
		}
		select {
		case <-s.gone:
			return nil
		case <-time.After(pause):
		}
	}
	if err := s.end(true); err != nil {
		return fmt.Errorf("unmount %s: %w", s.dir, err)
	}
	return nil
}

// end takes the mount away, unless somebody else has done so.
func (s *Server) end(lazily bool) error {
	all, err := mountsAt(s.dir)
	if err != nil {
		return err
	}
	at := -1
	for i, m := range all {
		if m.dev == s.dev && m.fsType == fsType {
			at = i
		}
	}
	switch {
	case at < 0:
		s.left()
		return nil
	case at < len(all)-1:
		return fmt.Errorf("%w: another mount stands on it", ErrBusy)
	}
	if err := unmount(s.dir, lazily); err != nil {
		return err
	}
	s.left()
	return nil
}

func (s *Server) left() { s.leave.Do(func() { close(s.gone) }) }

// mountPoint is dir as the kernel lists it. It must not touch dir itself: a
// dead mount answers every call with an error.
func mountPoint(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real, nil
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return "", err
	}
	return filepath.Join(parent, filepath.Base(abs)), nil
}
