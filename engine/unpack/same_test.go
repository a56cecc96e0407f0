package unpack

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestResumeComparesAllPartsOfALargeFile, which are compared side by side.
func TestResumeComparesAllPartsOfALargeFile(t *testing.T) {
	text := []byte(strings.Repeat("0123456789abcdef", 3*comparedBytes/16) + "the end")
	from := tree(t, t.TempDir(), "f="+string(text))
	m := newMemStore()
	root := m.dir(t, from)
	dest := filepath.Join(t.TempDir(), "x")
	_, err := Tree(t.Context(), m, root, dest, Options{})
	must(t, err)
	info, err := os.Stat(filepath.Join(dest, "f"))
	must(t, err)
	for _, at := range []int{-1, 0, comparedBytes + 1, 2*comparedBytes - 1, len(text) - 1} {
		changed := append([]byte(nil), text...)
		if at >= 0 {
			changed[at] ^= 1
		}
		must(t, os.WriteFile(filepath.Join(dest, "f"), changed, 0o644))
		must(t, os.Chtimes(filepath.Join(dest, "f"), info.ModTime(), info.ModTime()))
		res, err := Tree(t.Context(), m, root, dest, Options{Resume: true, Workers: 3})
		if same := err == nil && res.Skipped == 1; same != (at < 0) || !same && !errors.Is(err, ErrExists) {
			t.Errorf("with byte %d changed: %+v, %v", at, res, err)
		}
	}
}
