package bench

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// touchSpare is how much more than a release's bytes a command may take.
const touchSpare = 256 << 20

// touch uses bytes of memory, at most half of what is free, and gives them back. On a
// virtual machine whose host takes free memory away, the next one to use it
// waits for the host: that would be a matter of whose turn it is.
func touch(bytes int64) {
	bytes = min(bytes, freeMemory()/2)
	if bytes <= 0 {
		return
	}
	mem, err := syscall.Mmap(-1, 0, int(bytes), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_POPULATE)
	if err == nil {
		_ = syscall.Munmap(mem)
	}
}

// freeMemory is what nobody uses, not even for files' content, in bytes.
func freeMemory() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "MemFree:" {
			kib, _ := strconv.ParseInt(f[1], 10, 64)
			return kib << 10
		}
	}
	return 0
}
