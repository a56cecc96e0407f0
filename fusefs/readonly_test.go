package fusefs

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestEveryChangeIsRefused(t *testing.T) {
	f := newFake()
	f.publish(t, someRef, someTree())
	f.tag("go/toolchain@latest", someRef)
	at := mountFake(t, f, Options{})
	t.Run("by the kernel", func(t *testing.T) { refusesChanges(t, at) })
	t.Run("by the server", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("needs root to remount writable")
		}
		if err := unix.Mount("", at, "", unix.MS_REMOUNT|unix.MS_NOSUID|unix.MS_NODEV, ""); err != nil {
			t.Fatal(err)
		}
		refusesChanges(t, at)
	})
}

func refusesChanges(t *testing.T, at string) {
	version := filepath.Join(at, someRef)
	file, now := version+"/short", time.Now()
	open := func(path string, flags int) error {
		fd, err := unix.Open(path, flags, 0o644)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}
	for name, change := range map[string]func() error{
		"open for writing":    func() error { return open(file, unix.O_WRONLY) },
		"open for both":       func() error { return open(file, unix.O_RDWR) },
		"truncate on open":    func() error { return open(file, unix.O_RDONLY|unix.O_TRUNC) },
		"append":              func() error { return open(file, unix.O_WRONLY|unix.O_APPEND) },
		"create":              func() error { return open(version+"/new", unix.O_WRONLY|unix.O_CREAT) },
		"create a nameless":   func() error { return open(version, unix.O_WRONLY|unix.O_TMPFILE) },
		"create a version":    func() error { return os.Mkdir(at+"/go/toolchain@2", 0o755) },
		"create a repo":       func() error { return os.Mkdir(at+"/new", 0o755) },
		"truncate":            func() error { return os.Truncate(file, 1) },
		"mkdir":               func() error { return os.Mkdir(version+"/new", 0o755) },
		"mknod":               func() error { return unix.Mknod(version+"/new", unix.S_IFIFO|0o644, 0) },
		"symlink":             func() error { return os.Symlink("x", version+"/new") },
		"link":                func() error { return os.Link(file, version+"/new") },
		"unlink":              func() error { return os.Remove(file) },
		"unlink a tag":        func() error { return unix.Unlink(at + "/go/toolchain@latest") },
		"rmdir":               func() error { return unix.Rmdir(version + "/bin/empty") },
		"rmdir a version":     func() error { return unix.Rmdir(version) },
		"rename":              func() error { return os.Rename(file, version+"/new") },
		"rename a version":    func() error { return os.Rename(version, at+"/go/toolchain@2") },
		"chmod":               func() error { return os.Chmod(file, 0o777) },
		"chmod a group":       func() error { return os.Chmod(at+"/go", 0o777) },
		"chown":               func() error { return os.Lchown(version+"/link", 1, 1) },
		"set times":           func() error { return os.Chtimes(file, now, now) },
		"set an attribute":    func() error { return unix.Setxattr(file, "user.x", []byte("y"), 0) },
		"remove an attribute": func() error { return unix.Removexattr(file, xattrVersion) },
	} {
		if err := change(); !errors.Is(err, syscall.EROFS) {
			t.Errorf("%s: %v, want EROFS", name, err)
		}
	}
	if fd, err := os.Open(file); err != nil {
		t.Error(err)
	} else {
		if err := errors.Join(fd.Sync(), fd.Close()); err != nil {
			t.Errorf("sync and close: %v", err)
		}
	}
}
