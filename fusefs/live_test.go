package fusefs

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
)

func (l *live) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.nodes.Len()
}

// dead is how many of the inodes the kernel does not refer to.
func (l *live) dead() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for e := l.nodes.Front(); e != nil; e = e.Next() {
		if _, parent := e.Value.(*fs.Inode).Parent(); parent == nil {
			n++
		}
	}
	return n
}

// expectLive waits until the kernel has dropped all but at most n inodes of a
// mount at dir, and they are all that is held. It does so when it likes.
func expectLive(t *testing.T, l *live, dir string, n int) {
	t.Helper()
	for range 100_000 {
		if l.len() <= n && l.dead() == 0 {
			return
		}
		if _, err := os.Stat(dir); err != nil { // takes its time, and shows that the mount still answers
			t.Fatal(err)
		}
	}
	t.Errorf("%d inodes are held, %d of them dead; want at most %d", l.len(), l.dead(), n)
}

// manyFiles publishes n files, ten to a directory, each holding its path.
func manyFiles(t *testing.T, f *fake, n int) (paths []string) {
	t.Helper()
	top := dir(map[string]*thing{})
	for i := range n {
		sub, name := fmt.Sprintf("dir-%03d", i/10), fmt.Sprint(i)
		if top.children[sub] == nil {
			top.children[sub] = dir(map[string]*thing{})
		}
		paths = append(paths, filepath.Join(someRef, sub, name))
		top.children[sub].children[name] = file(0o644, paths[i])
	}
	f.publish(t, someRef, top)
	return paths
}

func readEach(t *testing.T, at string, paths []string) {
	t.Helper()
	for _, p := range paths {
		if b, err := os.ReadFile(filepath.Join(at, p)); err != nil || string(b) != p {
			t.Fatalf("%s holds %q, %v", p, b, err)
		}
	}
}

func TestTheKernelIsHeldToANumberOfInodes(t *testing.T) {
	const max = 400
	f, at := newFake(), t.TempDir()
	paths := manyFiles(t, f, 10*max)
	s := mountAt(t, at, f, Options{InodesMax: max})
	open, err := os.Open(filepath.Join(at, paths[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	for range 2 {
		readEach(t, at, paths)
		expectLive(t, s.live, at, max+max/4)
	}
	b := make([]byte, len(paths[0]))
	if _, err := open.ReadAt(b, 0); err != nil || string(b) != paths[0] {
		t.Errorf("a file that was open all the time says %q, %v", b, err)
	}
}

func TestOlderKernelsDropInodesByName(t *testing.T) {
	f, at := newFake(), t.TempDir()
	paths := manyFiles(t, f, 1000)
	s := mountAt(t, at, f, Options{})
	readEach(t, at, paths)
	if n := s.live.len(); n < len(paths) {
		t.Fatalf("%d inodes live, want more", n)
	}
	for range 2 { // files, then the directories that have become empty
		dropNames(s.live.oldest(s.live.len()))
	}
	expectLive(t, s.live, at, 10)
	readEach(t, at, paths)
}

func TestInodesThatNeverLivedAreForgotten(t *testing.T) {
	l := newLive(10)
	for range 5 {
		l.add(new(fs.Inode), new(tracked))
	}
	if got := l.oldest(5); len(got) != 0 || l.len() != 0 {
		t.Errorf("%d of them are taken for live, %d are kept", len(got), l.len())
	}
}
