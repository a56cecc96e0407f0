package engine_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/source"
)

// ramfs mounts one, or returns "" where that cannot be done and AFS_TEST_REQUIRE
// does not list root.
func ramfs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("ramfs", dir, "ramfs", 0, ""); err != nil {
		if slices.Contains(strings.Split(os.Getenv("AFS_TEST_REQUIRE"), ","), "root") {
			t.Fatalf("root is required here: mount a ramfs: %v", err)
		}
		t.Logf("not on a ramfs, mounting which needs root: %v", err)
		return ""
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// The tick of ramfs is that of the timer, milliseconds, so that a file can be
// written twice in one of them; other file systems of today look closer at
// files that are watched.
func TestRewritesOnARealFileSystemAreNotMissed(t *testing.T) {
	for name, dir := range map[string]string{"here": t.TempDir(), "ramfs": ramfs(t)} {
		if dir == "" {
			continue
		}
		w := newWorld(t)
		path := filepath.Join(dir, "f")
		alike := 0
		last := source.Identity{}
		for i := range 50 {
			want := files{"f": fmt.Sprintf("%03d", i)}
			if err := os.WriteFile(path, []byte(want["f"]), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, testTime, testTime); err != nil {
				t.Fatal(err)
			}
			ref := fmt.Sprintf("x/y@%d", i)
			spy := &spy{Source: source.Dir(dir, source.Options{})}
			if _, err := w.Ingest(t.Context(), engine.IngestRequest{Source: spy, Ref: mustRef(t, ref)}); err != nil {
				t.Fatal(err)
			}
			w.expect(ref, want)
			if spy.last == last {
				alike++
			}
			last = spy.last
		}
		t.Logf("%s: %d of 50 times the file was rewritten in the same tick", name, alike)
	}
}

// spy remembers the last Identity that it has seen in a walk.
type spy struct {
	source.Source
	source.Visitor
	last source.Identity
}

func (s *spy) Walk(ctx context.Context, v source.Visitor) error {
	s.Visitor = v
	return s.Source.Walk(ctx, s)
}

func (s *spy) File(e manifest.Entry, id source.Identity, b source.Body) error {
	s.last = id
	return s.Visitor.File(e, id, b)
}
