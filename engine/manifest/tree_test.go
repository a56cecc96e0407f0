package manifest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/chunker"
)

// tree is the naive model that manifests are held against: all in memory, a
// map for each directory.
type tree struct {
	entry Entry // without name, ids and summary of a directory
	names map[string]*tree
}

func newDir(attr Attr) *tree {
	return &tree{entry: Entry{Kind: Dir, Attr: attr}, names: map[string]*tree{}}
}

func (n *tree) sorted() []string { return slices.Sorted(maps.Keys(n.names)) }

// clone copies the directories; entries are values.
func (n *tree) clone() *tree {
	c := &tree{entry: n.entry}
	if n.names != nil {
		c.names = map[string]*tree{}
		for name, sub := range n.names {
			c.names[name] = sub.clone()
		}
	}
	return c
}

func (n *tree) summary() (s Summary) {
	for _, sub := range n.names {
		s, _ = s.plus(share(sub.entry.Kind, sub.entry.Size, sub.summary()))
	}
	return s
}

// build writes n as a version.
func (n *tree) build(t testing.TB, sink Sink) (Root, Entry) {
	t.Helper()
	b := NewBuilder(sink)
	n.visit(t, b, "")
	root, e, err := b.Root()
	check(t, err)
	return root, e
}

func (n *tree) visit(t testing.TB, b *Builder, name string) {
	t.Helper()
	e := n.entry
	e.Name = name
	if n.names == nil {
		check(t, b.Add(t.Context(), e))
		return
	}
	check(t, b.Enter(t.Context(), e))
	for _, name := range n.sorted() {
		n.names[name].visit(t, b, name)
	}
	check(t, b.Leave(t.Context()))
}

// walk calls fn as Walk should.
func (n *tree) walk(path string, fn func(path string, n *tree)) {
	fn(path, n)
	for _, name := range n.sorted() {
		n.names[name].walk(childPath(path, name), fn)
	}
}

// files makes entries.
type files struct {
	t     testing.TB
	store *memStore
	rng   *rand.Rand
	list  *ListBuilder
}

func newFiles(t testing.TB, store *memStore, seed uint64) *files {
	return &files{t, store, rand.New(rand.NewPCG(seed, 0)), NewListBuilder(store)}
}

// attr has, now and then, what few entries have.
func (f *files) attr() Attr {
	a := Attr{Mode: f.rng.Uint32N(0o10000), MTime: time.Unix(f.rng.Int64N(4e9)-2e9, f.rng.Int64N(1e9)).UTC()}
	if f.rng.IntN(8) == 0 {
		a.Owner = Owner{true, f.rng.Uint32N(3), f.rng.Uint32() >> 1}
	}
	if f.rng.IntN(16) == 0 {
		a.Xattrs = []Xattr{{"security.capability", "\x01\x00"}, {"user.\xff", string(make([]byte, f.rng.IntN(300)))}}
	}
	return a
}

func (f *files) fileAttr() Attr {
	a := f.attr()
	if f.rng.IntN(8) == 0 {
		a.Links = Links{LinkGroup(f.name()), 2 + f.rng.Uint32N(1<<31)}
	}
	return a
}

// file has n segments of a few bytes each, one in eight a run of zeros.
func (f *files) file(n int) *tree {
	f.t.Helper()
	zeros := false
	for range n {
		seg := Segment{Length: 1 + f.rng.Int64N(40)}
		if zeros = !zeros && f.rng.IntN(8) == 0; !zeros {
			b := make([]byte, seg.Length)
			for i := range b {
				b[i] = byte(f.rng.Uint32())
			}
			seg.ID = f.store.put(chunker.Data, b)
		}
		check(f.t, f.list.Add(context.Background(), seg))
	}
	c, size, err := f.list.Finish(context.Background())
	check(f.t, err)
	return &tree{entry: Entry{Kind: File, Exec: f.rng.IntN(3) == 0, Size: size, Content: c, Attr: f.fileAttr()}}
}

func (f *files) symlink(target string) *tree {
	return &tree{entry: Entry{Kind: Symlink, Target: target, Size: int64(len(target)), Attr: f.attr()}}
}

// name is short or long, of any bytes that a name may have.
func (f *files) name() string {
	for {
		b := make([]byte, 1+f.rng.IntN(12))
		if f.rng.IntN(10) == 0 {
			b = make([]byte, 1+f.rng.IntN(NameMax))
		}
		for i := range b {
			b[i] = byte(f.rng.Uint32())
			if f.rng.IntN(2) == 0 {
				b[i] = 'a' + b[i]%26
			}
		}
		if validName(b) {
			return string(b)
		}
	}
}

// random fills a directory with n names at every depth below depth.
func (f *files) random(n, depth int) *tree {
	d := newDir(f.attr())
	for range n {
		name := f.name()
		switch k := f.rng.IntN(10); {
		case k == 0 && depth > 0:
			d.names[name] = f.random(f.rng.IntN(n/2+1), depth-1)
		case k == 1:
			d.names[name] = f.symlink(f.name())
		default:
			d.names[name] = f.file([]int{0, 1, 1, 2, 16, 17, 40}[f.rng.IntN(7)])
		}
	}
	return d
}

// flat is a directory of n files of one chunk each.
func (f *files) flat(n int) *tree {
	d := newDir(f.attr())
	for i := range n {
		d.names[fmt.Sprintf("file-%06d.txt", i)] = f.file(1)
	}
	return d
}
