package bench

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadingCountsWhatItReads(t *testing.T) {
	dir := tree(t, map[string]string{"a": strings.Repeat("a", 10_000), "small": "s", "b": strings.Repeat("b", 5_000)})
	paths := []string{filepath.Join(dir, "a"), filepath.Join(dir, "small"), filepath.Join(dir, "b")}
	r, err := ReadFiles(paths, ReadOptions{Block: 4096})
	check(t, err)
	if r.Bytes != 15_001 || r.Seconds <= 0 {
		t.Errorf("from begin to end: %+v", r)
	}
	r, err = ReadFiles(paths, ReadOptions{Block: 1000, Random: true, Operations: 500, Seconds: 60, Seed: 1})
	check(t, err)
	if r.Operations != 500 || r.Bytes != 500*1000 || r.P99Seconds <= 0 || r.Seconds <= 0 {
		t.Errorf("at random: %+v", r)
	}
	if r, err = ReadFiles(paths, ReadOptions{Block: 1000, Random: true, Operations: 1 << 40, Seconds: 1e-9}); err != nil || r.Operations != 1 {
		t.Errorf("no time: %+v, %v", r, err)
	}
}

func TestReadingNeedsSomethingToRead(t *testing.T) {
	path := filepath.Join(tree(t, map[string]string{"a": "small"}), "a")
	if _, err := ReadFiles([]string{path}, ReadOptions{Block: 4096, Random: true, Operations: 1, Seconds: 1}); err == nil {
		t.Error("a block that no file has")
	}
	for name, o := range map[string]ReadOptions{"no block": {}, "no reads": {Block: 1, Random: true}} {
		if _, err := ReadFiles([]string{path}, o); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
