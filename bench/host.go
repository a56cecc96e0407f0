package bench

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// Host says on what a run was made.
type Host struct {
	CPU        string `json:"cpu"`
	Cores      int    `json:"cores"`
	Memory     int64  `json:"memory"` // bytes
	System     string `json:"system"` // distribution
	Kernel     string `json:"kernel"`
	Filesystem string `json:"filesystem"` // below the work directory
	Root       bool   `json:"root"`       // without it nothing is cold and nothing is mounted by the kernel
}

// DescribeHost looks at this machine and at the file system below work; what it
// cannot find out stays empty.
func DescribeHost(work string) Host {
	return Host{
		CPU:        field("/proc/cpuinfo", "model name", ":"),
		Cores:      runtime.NumCPU(),
		Memory:     memory(),
		System:     strings.Trim(field("/etc/os-release", "PRETTY_NAME", "="), `"`),
		Kernel:     runtime.GOOS + " " + firstLine("/proc/sys/kernel/osrelease"),
		Filesystem: filesystem(work),
		Root:       os.Geteuid() == 0,
	}
}

// field finds the value of the first line KEY SEP VALUE of a file.
func field(path, key, sep string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		k, v, ok := strings.Cut(line, sep)
		if ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func firstLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}

func memory() int64 {
	kb, err := strconv.ParseInt(strings.TrimSuffix(field("/proc/meminfo", "MemTotal", ":"), " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return kb << 10
}

// filesystem is the type of the file system that holds dir: the one of the
// longest mount point above it.
func filesystem(dir string) string {
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return ""
	}
	best, kind := -1, ""
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		point := strings.TrimSuffix(f[1], "/")
		if (dir == point || strings.HasPrefix(dir, point+"/")) && len(point) >= best {
			best, kind = len(point), f[2]
		}
	}
	return kind
}

// freeBytes is the space that is left for us where dir is.
func freeBytes(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("look for free space: %s: %w", dir, err)
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}

// load is the load average of one minute, or 0 where there is none.
func load() float64 {
	first, _, _ := strings.Cut(firstLine("/proc/loadavg"), " ")
	l, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0
	}
	return l
}
