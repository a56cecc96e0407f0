package fusefs

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/manifest"
)

func getxattr(path, name string) (string, error) {
	b := make([]byte, 512)
	n, err := unix.Lgetxattr(path, name, b)
	return string(b[:max(n, 0)]), err
}

func TestExtendedAttributesTellVersionAndContent(t *testing.T) {
	f, tree := newFake(), someTree()
	f.publish(t, someRef, tree)
	at := mountFake(t, f, Options{})
	version := filepath.Join(at, someRef)

	names := make([]byte, 100)
	n, err := unix.Llistxattr(version+"/short", names)
	if got := string(names[:max(n, 0)]); got != "user.afs.content\x00user.afs.version\x00" || err != nil {
		t.Errorf("listed: %q, %v", got, err)
	}
	if need, err := unix.Llistxattr(version+"/short", nil); need != n || err != nil {
		t.Errorf("the list needs %d, %v", need, err)
	}
	for path, want := range map[string]string{
		"":      f.versions[someRef].Root.Content.String(),
		"short": chunker.Sum([]byte("hello\n")).String(),
		"empty": chunker.Sum(nil).String(),
	} {
		if got, err := getxattr(filepath.Join(version, path), xattrContent); got != want || err != nil {
			t.Errorf("content of %q is %s, %v; want %s", path, got, err, want)
		}
	}
	for name, child := range tree.children {
		path := filepath.Join(version, name)
		switch {
		case child.mode == 0 && os.Geteuid() != 0:
			continue // not for this user
		case child.kind == manifest.Symlink:
			if n, err := unix.Llistxattr(path, names); n != 0 || err != nil {
				t.Errorf("%q lists %d bytes of attributes, %v", path, n, err)
			}
			continue
		}
		if got, err := getxattr(path, xattrVersion); got != someRef || err != nil {
			t.Errorf("version of %q is %q, %v", path, got, err)
		}
	}
	for _, absent := range [][2]string{{version, "user.other"}, {version + "/short", "security.capability"}, {at, xattrVersion}, {at + "/go", xattrContent}} {
		if _, err := getxattr(absent[0], absent[1]); !errors.Is(err, syscall.ENODATA) {
			t.Errorf("%v: %v, want ENODATA", absent, err)
		}
	}
	if _, err := unix.Lgetxattr(version, xattrVersion, make([]byte, 3)); !errors.Is(err, syscall.ERANGE) {
		t.Errorf("with little room: %v, want ERANGE", err)
	}
}

func TestContentIDsDifferWhereContentDoes(t *testing.T) {
	segment := func(b byte, length int64) manifest.Segment {
		return manifest.Segment{ID: chunker.Sum([]byte{b}), Length: length}
	}
	zeros := func(n int64) manifest.Segment { return manifest.Segment{Length: n} }
	seen := map[chunker.ID]int{}
	for i, segments := range [][]manifest.Segment{
		nil,
		{segment(1, 1)},
		{segment(1, 1), segment(2, 1)},
		{segment(2, 1), segment(1, 1)},
		{zeros(1)},
		{zeros(2)},
		{zeros(1), segment(1, 1)},
		{segment(1, 1), zeros(1)},
	} {
		id := contentID(manifest.Entry{Kind: manifest.File, Content: manifest.Content{Segments: segments}})
		if other, ok := seen[id]; ok {
			t.Errorf("lists %d and %d have the same id", i, other)
		}
		seen[id] = i
	}
	list := chunker.Sum([]byte("list"))
	if got := contentID(manifest.Entry{Kind: manifest.File, Content: manifest.Content{List: list}}); got != list {
		t.Errorf("a chunk list's id is %s, want %s", got, list)
	}
}
