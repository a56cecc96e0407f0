package fusefs

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// benchNames is how many names the directory of a benchmark has.
const benchNames = 20_000

// BenchmarkReaddir lists a directory through the mount, beside a directory of
// the same names in the system's own file system. What the mount lists a
// second time comes from the kernel.
func BenchmarkReaddir(b *testing.B) {
	f, native := newFake(), b.TempDir()
	children := map[string]*thing{}
	for i := range benchNames {
		name := fmt.Sprintf("file-%05d", i)
		children[name] = file(0o644, "")
		if err := os.WriteFile(filepath.Join(native, name), nil, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	f.publish(b, "r/p@1", dir(children))
	for _, c := range []struct {
		name string
		path func(b *testing.B) string
	}{
		{"mount", func(b *testing.B) string { return filepath.Join(mountFake(b, f, Options{}), "r/p@1") }},
		{"native", func(*testing.B) string { return native }},
	} {
		b.Run(c.name, func(b *testing.B) {
			path := c.path(b)
			buf := make([]byte, 64<<10)
			b.ReportAllocs()
			for b.Loop() {
				fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
				if err != nil {
					b.Fatal(err)
				}
				for n := 1; n > 0; {
					if n, err = unix.Getdents(fd, buf); err != nil {
						b.Fatal(err)
					}
				}
				unix.Close(fd)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchNames), "ns/name")
		})
	}
}

// BenchmarkFirstReaddir lists a directory that the kernel has not seen.
func BenchmarkFirstReaddir(b *testing.B) {
	f, children := newFake(), map[string]*thing{}
	for i := range benchNames {
		children[fmt.Sprintf("file-%05d", i)] = file(0o644, "")
	}
	f.publish(b, "r/p@1", dir(children))
	for b.Loop() {
		b.StopTimer()
		at := b.TempDir()
		srv := mountAt(b, at, f, Options{})
		b.StartTimer()
		names, err := os.ReadDir(filepath.Join(at, "r/p@1"))
		if err != nil || len(names) != benchNames {
			b.Fatal(len(names), err)
		}
		b.StopTimer()
		if err := srv.Unmount(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchNames), "ns/name")
}
