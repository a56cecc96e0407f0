package known

import (
	"fmt"
	"os"
	"testing"
)

// BenchmarkFind looks up what a tree of many files asks for, in its order:
// 100,000, with AFS_TEST_SOAK 1,000,000.
func BenchmarkFind(b *testing.B) {
	n := 100_000
	if os.Getenv("AFS_TEST_SOAK") != "" {
		n = 1_000_000
	}
	path := func(i int) string {
		return fmt.Sprintf("/srv/build/project/module-%04d/file-%06d.go", i/100, i)
	}
	c, _ := newCache(b, newIndex(b))
	for i := range n {
		add(b, c, identity(path(i), 100), small(byte(i)))
	}
	must(b, c.Flush())
	i := 0
	for b.Loop() {
		if _, ok := finds(b, c, identity(path(i%n), 100), Stat); !ok {
			b.Fatal(path(i % n))
		}
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "files/s")
}
