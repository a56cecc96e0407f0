package localfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/artifortress/afs-engine/backends"
)

// These tests stop the world at every step of a Put. Afterwards the key must
// be absent or whole, and whole if anybody was told that it is there.

const (
	crashKey  = "a/b/object"
	crashText = "the whole content"
)

// wantWhole checks the object in dir as the next process sees it.
func wantWhole(t *testing.T, dir, when string, acknowledged bool) {
	t.Helper()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Get(t.Context(), crashKey, 0, -1)
	if errors.Is(err, backends.ErrNotExist) && !acknowledged {
		return
	}
	if err != nil {
		t.Errorf("%s: Get gives %v", when, err)
		return
	}
	defer r.Close()
	if b, err := io.ReadAll(r); err != nil || string(b) != crashText {
		t.Errorf("%s: the object is %q, %v", when, b, err)
	}
}

var errStopped = errors.New("the process is stopped")

func TestProcessStoppedAtAnyStep(t *testing.T) {
	for stop, done := 0, false; !done; stop++ {
		s, r := recorded(t)
		steps := 0
		r.fail = func(string) error {
			if steps++; steps > stop {
				return errStopped
			}
			return nil
		}
		err := s.Put(t.Context(), crashKey, strings.NewReader(crashText))
		done = steps <= stop
		when := fmt.Sprintf("stopped after %d steps", stop)
		wantWhole(t, s.dir, when, err == nil)

		next, err := Open(s.dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		err = next.Put(t.Context(), crashKey, strings.NewReader(crashText))
		if err != nil && !errors.Is(err, backends.ErrExist) {
			t.Errorf("%s: the next Put gives %v", when, err)
		}
		wantWhole(t, s.dir, when+", put again", true)
	}
}

func TestAnyStepFails(t *testing.T) {
	for failing, done := 0, false; !done; failing++ {
		s, r := recorded(t)
		steps := 0
		r.fail = func(string) error {
			if steps++; steps-1 == failing {
				return syscall.EIO
			}
			return nil
		}
		err := s.Put(t.Context(), crashKey, strings.NewReader(crashText))
		done = steps <= failing
		wantWhole(t, s.dir, fmt.Sprintf("step %d fails", failing), err == nil)
	}
}

// One process is stopped after some steps, then another puts the same key, and
// after some of its steps the power goes.
func TestPowerLostAtAnyStep(t *testing.T) {
	for _, links := range []bool{true, false} {
		for first, firstDone := 0, false; !firstDone; first++ {
			for second, secondDone := 0, false; !secondDone; second++ {
				d := newPowerDisk(t, links)
				told := d.put(t, first)
				firstDone = d.left > 0
				told = d.put(t, second) || told
				secondDone = d.left > 0
				when := fmt.Sprintf("hard links %v, steps %d and %d", links, first, second)
				wantWhole(t, d.survivors(t, true), when+", least survives", told)
				wantWhole(t, d.survivors(t, false), when+", most survives", told)
				if t.Failed() {
					return
				}
			}
		}
	}
}

// powerDisk models what a disk must keep when the power fails: of a file, the
// bytes at its last sync; of a directory, the names at its last sync. Anything
// written since may be kept or not, names and bytes apart from each other.
type powerDisk struct {
	root  string
	links bool // the file system has hard links
	left  int  // steps until the process is stopped
	tree  *powerNode
}

type powerNode struct {
	dir        bool
	now, saved map[string]*powerNode // of a directory
	bytes      []byte                // of a file, at its last sync
}

func newPowerDir() *powerNode {
	return &powerNode{dir: true, now: map[string]*powerNode{}, saved: map[string]*powerNode{}}
}

func newPowerDisk(t *testing.T, links bool) *powerDisk {
	return &powerDisk{root: t.TempDir(), links: links, tree: newPowerDir()}
}

// put is a process that is stopped after so many steps. It returns whether it
// was told that the object is there.
func (d *powerDisk) put(t *testing.T, steps int) bool {
	t.Helper()
	d.left = 1 // opening takes one at most
	s, err := open(d.root, Options{}, d)
	if err != nil {
		t.Fatal(err)
	}
	d.left = steps + 1
	err = s.Put(t.Context(), crashKey, strings.NewReader(crashText))
	return err == nil || errors.Is(err, backends.ErrExist)
}

// survivors makes a directory of what the power failure leaves.
func (d *powerDisk) survivors(t *testing.T, least bool) string {
	t.Helper()
	dir := t.TempDir()
	if err := d.tree.write(dir, least); err != nil {
		t.Fatal(err)
	}
	return dir
}

func (n *powerNode) write(path string, least bool) error {
	if !n.dir {
		return os.WriteFile(path, n.bytes, 0o400)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	names := n.now
	if least {
		names = n.saved
	}
	for name, child := range names {
		if err := child.write(filepath.Join(path, name), least); err != nil {
			return err
		}
	}
	return nil
}

func (d *powerDisk) step() error {
	if d.left--; d.left <= 0 {
		d.left = 0
		return errStopped
	}
	return nil
}

// find returns the directory that holds path, and path's name in it.
func (d *powerDisk) find(path string) (*powerNode, string, error) {
	rel, err := filepath.Rel(d.root, path)
	if err != nil {
		return nil, "", err
	}
	n := d.tree
	segs := strings.Split(rel, "/")
	for _, seg := range segs[:len(segs)-1] {
		if n = n.now[seg]; n == nil {
			return nil, "", fs.ErrNotExist
		}
	}
	return n, segs[len(segs)-1], nil
}

// enter gives n the name path, which must be free.
func (d *powerDisk) enter(path string, n *powerNode) error {
	dir, name, err := d.find(path)
	if err != nil {
		return err
	}
	if dir.now[name] != nil {
		return fs.ErrExist
	}
	dir.now[name] = n
	return nil
}

func (d *powerDisk) Create(path string) (file, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	n := &powerNode{}
	return &powerFile{d: d, n: n}, d.enter(path, n)
}

func (d *powerDisk) Mkdir(path string) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.enter(path, newPowerDir())
}

func (d *powerDisk) Link(old, new string) error {
	if err := d.step(); err != nil {
		return err
	}
	if !d.links {
		return syscall.EPERM
	}
	dir, name, err := d.find(old)
	if err != nil {
		return err
	}
	return d.enter(new, dir.now[name])
}

func (d *powerDisk) Rename(old, new string) error {
	if err := d.step(); err != nil {
		return err
	}
	dir, name, err := d.find(old)
	if err == nil {
		err = d.enter(new, dir.now[name])
	}
	if err == nil {
		delete(dir.now, name)
	}
	return err
}

func (d *powerDisk) Remove(path string) error {
	if err := d.step(); err != nil {
		return err
	}
	dir, name, err := d.find(path)
	if err == nil {
		delete(dir.now, name)
	}
	return err
}

func (d *powerDisk) SyncDir(path string) error {
	if err := d.step(); err != nil {
		return err
	}
	path = filepath.Clean(path)
	if path == filepath.Dir(d.root) {
		return nil // the store's directory itself is taken to survive
	}
	n := d.tree
	if path != d.root {
		dir, name, err := d.find(path)
		if err != nil {
			return err
		}
		n = dir.now[name]
	}
	clear(n.saved)
	for name, child := range n.now {
		n.saved[name] = child
	}
	return nil
}

func (d *powerDisk) Type(string) (string, error) { return "", nil }

type powerFile struct {
	d       *powerDisk
	n       *powerNode
	written []byte
}

func (f *powerFile) Write(p []byte) (int, error) {
	if err := f.d.step(); err != nil {
		return 0, err
	}
	f.written = append(f.written, p...)
	return len(p), nil
}

// Flush does nothing: what is not synced may have been kept anyway.
func (f *powerFile) Flush(off, n int64) {}

func (f *powerFile) Sync() error {
	if err := f.d.step(); err != nil {
		return err
	}
	f.n.bytes = append([]byte(nil), f.written...)
	return nil
}

func (f *powerFile) Close() error { return nil }
