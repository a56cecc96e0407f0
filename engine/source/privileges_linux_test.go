package source

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// dropPrivileges makes this thread's file accesses those of an ordinary user,
// until the function it returns is called.
func dropPrivileges(t *testing.T, root string) (restore func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		return func() {}
	}
	const nobody = 65534
	for dir := root; dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		must(t, os.Chmod(dir, 0o755))
	}
	runtime.LockOSThread()
	setfsuid(t, nobody)
	return func() {
		setfsuid(t, 0)
		runtime.UnlockOSThread()
	}
}

func setfsuid(t *testing.T, uid int) {
	t.Helper()
	unix.SetfsuidRetUid(uid)
	if now, _ := unix.SetfsuidRetUid(-1); now != uid {
		t.Fatalf("the file system user is %d, want %d", now, uid)
	}
}
