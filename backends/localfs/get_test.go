package localfs

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/backends"
)

func TestFileCutShortIsNoCleanEnd(t *testing.T) {
	s := newStore(t)
	mustPut(t, s, "a", strings.Repeat("x", 100_000))
	for _, c := range []struct{ off, n, cutTo int64 }{
		{0, -1, 99_999},
		{0, 50_000, 49_999},
		{10, 90_000, 5},
		{0, -1, 0},
	} {
		r, err := s.Get(t.Context(), "a", c.off, c.n)
		if err != nil {
			t.Fatal(err)
		}
		setSize(t, s.path("a"), c.cutTo)
		b, err := io.ReadAll(r)
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%+v: read %d bytes and %v, want io.ErrUnexpectedEOF", c, len(b), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		setSize(t, s.path("a"), 100_000)
	}
}

func setSize(t *testing.T, path string, size int64) {
	t.Helper()
	if err := errors.Join(os.Chmod(path, 0o600), os.Truncate(path, size)); err != nil {
		t.Fatal(err)
	}
}

func TestReadAfterCloseFails(t *testing.T) {
	s := newStore(t)
	mustPut(t, s, "a", "content")
	r, err := s.Get(t.Context(), "a", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Read gives %v, want os.ErrClosed", err)
	}
}

func TestDirectoriesAreNoObjects(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	mustPut(t, s, "a/b", "content")
	if err := s.Delete(ctx, "a/b"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(ctx, "a", 0, -1); !errors.Is(err, backends.ErrNotExist) {
		t.Errorf("Get gives %v, want ErrNotExist", err)
	}
	if err := s.Delete(ctx, "a"); err != nil {
		t.Errorf("Delete gives %v, want none", err)
	}
	if _, err := os.Stat(s.path("a")); err != nil {
		t.Errorf("Delete of a key took a directory: %v", err)
	}
}

func TestSymbolicLinksAreNeverFollowedToAnObject(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	mustPut(t, s, "a", "content")
	if err := os.Symlink("a", s.path("b")); err != nil {
		t.Fatal(err)
	}
	_, getErr := s.Get(ctx, "b", 0, -1)
	_, statErr := s.Stat(ctx, "b")
	var listErr error
	for _, listErr = range s.List(ctx, "b") {
	}
	for op, err := range map[string]error{"Get": getErr, "Stat": statErr, "List": listErr} {
		if err == nil || errors.Is(err, backends.ErrNotExist) {
			t.Errorf("%s gives %v, want an error of its own", op, err)
		}
	}
}
