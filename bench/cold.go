package bench

import (
	"os"
	"syscall"
)

// dropCaches has the kernel forget pages, names and inodes, as proc_sys_vm(5)
// says. It reports whether that could be done: only root can.
func dropCaches() bool {
	syscall.Sync() // dirty pages would stay
	return os.WriteFile("/proc/sys/vm/drop_caches", []byte("3\n"), 0o200) == nil
}
