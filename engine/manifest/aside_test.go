package manifest

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
)

// deep is levels directories inside each other, with neighbours before and
// after the way down: enough, here and there, for pages on several levels.
func (f *files) deep(levels int) *tree {
	d := newDir(f.attr())
	for n := range levels {
		up := newDir(f.attr())
		up.names[f.name()] = d
		for range f.rng.IntN(30) {
			up.names[f.name()] = f.symlink(strings.Repeat("t", 1+f.rng.IntN(TargetMax)))
		}
		if n%20 == 0 {
			up.entry.Attr.Xattrs = []Xattr{{"user.large", strings.Repeat("x", 20_000)}}
			up.names[f.name()] = f.random(12, 3)
			up.names[f.name()] = f.flat(200)
		}
		d = up
	}
	return d
}

// heldWatch looks at a Builder whenever a directory begins or ends.
type heldWatch struct {
	*testing.T
	b       *Builder
	wentOut int // the most that was set aside at once
	cameIn  int // how often less was than before
	before  int
}

func (w *heldWatch) look() {
	held := 0
	for _, d := range w.b.open[w.b.aside:max(w.b.aside, len(w.b.open)-1)] {
		held += d.weigh()
	}
	if held != w.b.held || held > w.b.openMax {
		w.Fatalf("%d directories hold %d bytes, counted as %d of %d", len(w.b.open), held, w.b.held, w.b.openMax)
	}
	if w.b.aside < w.before {
		w.cameIn++
	}
	w.before, w.wentOut = w.b.aside, max(w.wentOut, w.b.aside)
}

func (n *tree) visitWatched(w *heldWatch, name string) {
	e := n.entry
	e.Name = name
	if n.names == nil {
		check(w, w.b.Add(w.Context(), e))
		return
	}
	check(w, w.b.Enter(w.Context(), e))
	w.look()
	for _, name := range n.sorted() {
		n.names[name].visitWatched(w, name)
	}
	check(w, w.b.Leave(w.Context()))
	w.look()
}

func TestDirectoriesSetAsideGiveTheSameTree(t *testing.T) {
	store := newMemStore()
	model := newFiles(t, store, 7).deep(300)
	want, entry := model.build(t, store)
	for _, memory := range []int{1, 100_000, 1 << 20, 1 << 30} {
		b := NewBuilderWith(store, BuilderOptions{OpenMemory: memory, ScratchDir: t.TempDir()})
		w := &heldWatch{T: t, b: b}
		model.visitWatched(w, "")
		root, e, err := b.Root()
		check(t, err)
		if root != want || e.Summary != entry.Summary || len(e.Attr.Xattrs) != len(entry.Attr.Xattrs) {
			t.Errorf("with %d bytes: %v, want %v", memory, root, want)
		}
		if spills := memory < 1<<30; spills != (w.wentOut > 0) || spills != (w.cameIn > 0) {
			t.Errorf("with %d bytes: %d directories were set aside, %d times some came back", memory, w.wentOut, w.cameIn)
		}
		if b.shelf.file != nil || b.shelf.end != 0 || b.held != 0 {
			t.Errorf("with %d bytes: %d bytes of the file and %d of memory are left", memory, b.shelf.end, b.held)
		}
	}
}

func TestWhatIsSetAsideHasNoNameAndIsClosed(t *testing.T) {
	dir := t.TempDir()
	b := NewBuilderWith(newMemStore(), BuilderOptions{OpenMemory: 1, ScratchDir: dir})
	enterThree(t, b)
	if b.shelf.file == nil {
		t.Fatal("nothing was set aside")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("the scratch directory has %v, %v", left, err)
	}
	check(t, b.Close())
	check(t, b.Close())
	if b.shelf.file != nil {
		t.Error("the file is open after Close")
	}
}

// enterThree leaves three directories open, each with a file.
func enterThree(t *testing.T, b *Builder) {
	t.Helper()
	for _, name := range []string{"", "d", "d"} {
		check(t, b.Enter(t.Context(), Entry{Name: name}))
		check(t, b.Add(t.Context(), Entry{Name: "a", Kind: File}))
	}
}

func TestAFileThatCannotBeUsedIsAnErrorThatStays(t *testing.T) {
	stays := func(b *Builder, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("error %v, want %v", err, want)
		}
		if again := b.Leave(t.Context()); !errors.Is(again, want) {
			t.Errorf("afterwards error %v, want %v", again, want)
		}
	}
	b := NewBuilderWith(newMemStore(), BuilderOptions{OpenMemory: 1, ScratchDir: t.TempDir() + "/none"})
	check(t, b.Enter(t.Context(), Entry{}))
	stays(b, b.Enter(t.Context(), Entry{Name: "d"}), os.ErrNotExist)

	b = NewBuilderWith(newMemStore(), BuilderOptions{OpenMemory: 1})
	enterThree(t, b)
	must[int](t)(b.shelf.file.WriteAt([]byte{'b'}, b.shelf.end-1-chunker.IDSize))
	stays(b, b.Leave(t.Context()), errShelf)

	b = NewBuilderWith(newMemStore(), BuilderOptions{OpenMemory: 1})
	enterThree(t, b)
	check(t, b.shelf.file.Close())
	stays(b, b.Leave(t.Context()), os.ErrClosed)
}

func TestFewBuffersAreKeptOfManyDirectories(t *testing.T) {
	b := NewBuilder(newMemStore())
	for n := range 100 {
		check(t, b.Enter(t.Context(), Entry{Name: strings.Repeat("d", min(n, 1))}))
	}
	for range 100 {
		check(t, b.Leave(t.Context()))
	}
	if len(b.spare) > spareMax {
		t.Errorf("%d closed directories are kept", len(b.spare))
	}
	for _, d := range b.open[:cap(b.open)] {
		if d != nil {
			t.Fatal("a closed directory is kept")
		}
	}
}
