package manifest

import (
	"context"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/chunker"
)

// checkSame walks a version and the model it was built from, side by side.
func checkSame(t *testing.T, src Source, root Entry, want *tree) {
	t.Helper()
	type seen struct {
		path string
		e    Entry
	}
	var got []seen
	check(t, Walk(t.Context(), src, root, func(path string, e Entry) error {
		got = append(got, seen{path, e})
		return nil
	}))
	i := 0
	want.walk("", func(path string, n *tree) {
		if i >= len(got) {
			t.Fatalf("walk ended before %q", path)
		}
		g, w := got[i], n.entry
		i++
		w.Name = path[strings.LastIndexByte(path, '/')+1:]
		w.Summary = n.summary()
		w.Tree, w.Attr.Tree, w.Attr.node, w.root = g.e.Tree, g.e.Attr.Tree, g.e.Attr.node, path == ""
		if w.Attr.node != nil && w.Attr.Tree != chunker.AttrsNode.Sum(w.Attr.node) {
			t.Errorf("%q has attributes of another id", path)
		}
		if g.path != path || !reflect.DeepEqual(g.e, w) {
			t.Fatalf("entry %d\n got %q %+v\nwant %q %+v", i, g.path, g.e, path, w)
		}
	})
	if i != len(got) {
		t.Fatalf("walk gave %d entries, want %d", len(got), i)
	}
}

func TestWhatWasBuiltReadsBack(t *testing.T) {
	cases := map[string]func(*files) *tree{
		"empty":  func(f *files) *tree { return newDir(f.attr()) },
		"random": func(f *files) *tree { return f.random(60, 3) },
		"large":  func(f *files) *tree { return f.flat(20_000) },
		"long names": func(f *files) *tree {
			d := newDir(f.attr())
			for range 600 {
				name := (f.name() + strings.Repeat("x", NameMax))[:NameMax]
				d.names[name] = f.symlink(strings.Repeat("t", TargetMax))
			}
			return d
		},
		"deep": func(f *files) *tree {
			d := newDir(f.attr())
			for range 300 {
				up := newDir(f.attr())
				up.names["d"], up.names["e"] = d, newDir(f.attr())
				d = up
			}
			return d
		},
		"segments": func(f *files) *tree {
			d := newDir(f.attr())
			for _, n := range []int{0, 1, 15, 16, 17, 18, 300, 10_000} {
				d.names[f.name()] = f.file(n)
			}
			return d
		},
		"times": func(f *files) *tree {
			d := newDir(Attr{})
			for _, sec := range []int64{0, -1, 1, math.MinInt64, math.MaxInt64, 1 << 40} {
				d.names[f.name()] = &tree{entry: Entry{Kind: File, Attr: Attr{MTime: time.Unix(sec, 999_999_999).UTC()}}}
			}
			d.entry.Attr.MTime = time.Time{}
			return d
		},
	}
	for name, make := range cases {
		t.Run(name, func(t *testing.T) {
			store := newMemStore()
			model := make(newFiles(t, store, 1))
			root, e := model.build(t, store)
			read, err := RootEntry(t.Context(), store, root)
			check(t, err)
			if !reflect.DeepEqual(read, e) {
				t.Errorf("root entry\n read  %+v\n built %+v", read, e)
			}
			checkSame(t, store, read, model)
		})
	}
}

func TestManyRandomTreesReadBack(t *testing.T) {
	for seed := range uint64(15) {
		store := newMemStore()
		model := newFiles(t, store, seed).random(int(seed)*8, 3)
		_, e := model.build(t, store)
		checkSame(t, store, e, model)
	}
}

func TestSharedSubtreesGiveTheSameRoot(t *testing.T) {
	store := newMemStore()
	f := newFiles(t, store, 2)
	model := f.random(80, 3)
	model.names["sub"] = f.flat(3000)
	want, root := model.build(t, store)

	b := NewBuilder(store)
	check(t, b.Enter(t.Context(), root))
	dir := must[*Directory](t)(OpenDir(store, root))
	for e, err := range dir.List(t.Context(), "") {
		check(t, err)
		before := store.reads
		check(t, b.Add(t.Context(), e))
		if store.reads != before {
			t.Fatalf("adding %q read from the store", e.Name)
		}
	}
	check(t, b.Leave(t.Context()))
	got, _, err := b.Root()
	check(t, err)
	if got != want {
		t.Errorf("from shared subtrees %v, from scratch %v", got, want)
	}
}

func TestOneChangeRewritesThePathAboveIt(t *testing.T) {
	store := newMemStore()
	f := newFiles(t, store, 3)
	model := f.flat(50_000)
	model.build(t, store)
	for i, edit := range []func(){
		func() { model.names["file-025000.txt"] = f.file(2) },
		func() { model.names["file-010000.new"] = f.file(1) },
		func() { delete(model.names, "file-040000.txt") },
	} {
		before := store.nodes(chunker.Data)
		edit()
		model.build(t, store)
		// Three levels, two trees, and a page or two until boundaries meet again.
		if n := missing(store.nodes(chunker.Data), before); n < 2 || n > 14 {
			t.Errorf("edit %d wrote %d nodes of %d", i, n, len(before))
		}
	}
}

func TestTouchingTimesSharesAllContent(t *testing.T) {
	store := newMemStore()
	model := newFiles(t, store, 4).random(100, 3)
	old, _ := model.build(t, store)
	before := store.nodes(chunker.DirNode)
	model.walk("", func(_ string, n *tree) { n.entry.Attr.MTime = n.entry.Attr.MTime.Add(time.Second) })
	touched, _ := model.build(t, store)
	if touched.Content != old.Content || missing(store.nodes(chunker.DirNode), before) != 0 {
		t.Error("touching times wrote content nodes")
	}
	if touched.Attrs == old.Attrs {
		t.Error("touching times left the attributes as they were")
	}
}

func TestBuilderRefusesWhatCannotBeRead(t *testing.T) {
	file := Entry{Name: "f", Kind: File}
	seg := func(n int64) []Segment { return []Segment{{ID: chunker.ID{1}, Length: n}} }
	zeros := Segment{Length: 5}
	cases := map[string]struct {
		e    Entry
		want error
	}{
		"empty name":       {Entry{Kind: File}, ErrName},
		"dot":              {Entry{Name: ".", Kind: File}, ErrName},
		"dot dot":          {Entry{Name: "..", Kind: File}, ErrName},
		"slash":            {Entry{Name: "a/b", Kind: File}, ErrName},
		"NUL":              {Entry{Name: "a\x00b", Kind: File}, ErrName},
		"long name":        {Entry{Name: strings.Repeat("n", NameMax+1), Kind: File}, ErrName},
		"order":            {Entry{Name: "a", Kind: File}, ErrOrder},
		"twice":            {Entry{Name: "c", Kind: File}, ErrOrder},
		"no kind":          {Entry{Name: "f"}, ErrEntry},
		"mode":             {Entry{Name: "f", Kind: File, Attr: Attr{Mode: 0o10000}}, ErrEntry},
		"no target":        {Entry{Name: "f", Kind: Symlink}, ErrEntry},
		"long target":      {Entry{Name: "f", Kind: Symlink, Target: strings.Repeat("t", TargetMax+1)}, ErrEntry},
		"NUL in target":    {Entry{Name: "f", Kind: Symlink, Target: "a\x00"}, ErrEntry},
		"exec symlink":     {Entry{Name: "f", Kind: Symlink, Target: "t", Exec: true}, ErrEntry},
		"target of file":   {Entry{Name: "f", Kind: File, Target: "t"}, ErrEntry},
		"tree of file":     {Entry{Name: "f", Kind: File, Tree: chunker.ID{1}}, ErrEntry},
		"content of link":  {Entry{Name: "f", Kind: Symlink, Target: "t", Content: Content{Segments: seg(1)}}, ErrEntry},
		"dir unstored":     {Entry{Name: "f", Kind: Dir}, ErrEntry},
		"dir of a root":    {Entry{Name: "f", Kind: Dir, Tree: chunker.ID{1}, Attr: Attr{Tree: chunker.ID{1}}, root: true}, ErrEntry},
		"dir bad summary":  {Entry{Name: "f", Kind: Dir, Tree: chunker.ID{1}, Attr: Attr{Tree: chunker.ID{1}}, Summary: Summary{Subdirs: 1}}, ErrEntry},
		"too short":        {Entry{Name: "f", Kind: File, Size: 2, Content: Content{Segments: seg(1)}}, ErrEntry},
		"too long":         {Entry{Name: "f", Kind: File, Size: 2, Content: Content{Segments: seg(3)}}, ErrEntry},
		"empty segment":    {Entry{Name: "f", Kind: File, Content: Content{Segments: seg(0)}}, ErrEntry},
		"large chunk":      {Entry{Name: "f", Kind: File, Size: 1 << 30, Content: Content{Segments: seg(1 << 30)}}, ErrEntry},
		"zeros twice":      {Entry{Name: "f", Kind: File, Size: 10, Content: Content{Segments: []Segment{zeros, zeros}}}, ErrEntry},
		"size, no content": {Entry{Name: "f", Kind: File, Size: 2}, ErrEntry},
		"negative size":    {Entry{Name: "f", Kind: File, Size: -1}, ErrEntry},
		"short list":       {Entry{Name: "f", Kind: File, Size: 99, Content: Content{List: chunker.ID{1}, Count: InlineSegments}}, ErrEntry},
		"count, no list":   {Entry{Name: "f", Kind: File, Content: Content{Count: 20}}, ErrEntry},
		"too many inline":  {Entry{Name: "f", Kind: File, Size: 17, Content: Content{Segments: make([]Segment, 17)}}, ErrEntry},
		"large entry":      {Entry{Name: "f", Kind: File, unknown: &unknown{attrs: fields{count: 1, bytes: make([]byte, EntryMax)}}}, ErrEntry},
	}
	store := newMemStore()
	b := NewBuilder(store)
	check(t, b.Enter(t.Context(), Entry{}))
	check(t, b.Add(t.Context(), Entry{Name: "c", Kind: File}))
	for name, c := range cases {
		if err := b.Add(t.Context(), c.e); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
		if c.want != ErrEntry {
			if err := b.Enter(t.Context(), c.e); !errors.Is(err, c.want) {
				t.Errorf("%s as a directory: error %v, want %v", name, err, c.want)
			}
		}
	}
	almost := Entry{Name: "f", unknown: &unknown{attrs: fields{count: 1, bytes: make([]byte, EntryMax-40)}}}
	if err := b.Enter(t.Context(), almost); !errors.Is(err, ErrEntry) {
		t.Errorf("a directory whose entry has no room for its subtree: %v", err)
	}
	check(t, b.Add(t.Context(), file))
	check(t, b.Leave(t.Context()))
	_, e, err := b.Root()
	check(t, err)
	if e.Summary != (Summary{Entries: 2, Files: 2}) {
		t.Errorf("refused entries left their mark: %+v", e.Summary)
	}
}

func TestBuilderHoldsCallersToTheWalk(t *testing.T) {
	ctx := t.Context()
	b := NewBuilder(newMemStore())
	if err := b.Add(ctx, Entry{Name: "f", Kind: File}); err == nil {
		t.Error("Add before the root was entered")
	}
	if err := b.Leave(ctx); err == nil {
		t.Error("Leave before the root was entered")
	}
	if err := b.Enter(ctx, Entry{Name: "x"}); !errors.Is(err, ErrName) {
		t.Errorf("root with a name: %v", err)
	}
	check(t, b.Enter(ctx, Entry{}))
	if _, _, err := b.Root(); err == nil {
		t.Error("Root before the last Leave")
	}
	for range NestingMax - 1 {
		check(t, b.Enter(ctx, Entry{Name: "d"}))
	}
	if err := b.Enter(ctx, Entry{Name: "d"}); !errors.Is(err, ErrNesting) {
		t.Errorf("one directory too deep: %v", err)
	}
	for range NestingMax {
		check(t, b.Leave(ctx))
	}
	if err := b.Enter(ctx, Entry{}); err == nil {
		t.Error("Enter after the root was left")
	}
	_, _, err := b.Root()
	check(t, err)
}

// fullSink fails from the n-th node on.
type fullSink struct {
	*memStore
	left int
}

var errFull = errors.New("full")

func (s *fullSink) PutNode(ctx context.Context, kind chunker.Kind, data []byte, deps []chunker.ID) (chunker.ID, error) {
	if s.left--; s.left < 0 {
		return chunker.ID{}, errFull
	}
	return s.memStore.PutNode(ctx, kind, data, deps)
}

func TestBuilderStaysFailedWhenTheSinkDid(t *testing.T) {
	store := newMemStore()
	model := newFiles(t, store, 5).flat(1500)
	for left := range 12 {
		b := NewBuilder(&fullSink{store, left})
		err := b.Enter(t.Context(), model.entry)
		for _, name := range model.sorted() {
			if e := model.names[name].entry; err == nil {
				e.Name = name
				err = b.Add(t.Context(), e)
			}
		}
		if err == nil {
			err = b.Leave(t.Context())
		}
		if !errors.Is(err, errFull) {
			t.Fatalf("after %d nodes: %v", left, err)
		}
		if _, _, err := b.Root(); !errors.Is(err, errFull) {
			t.Errorf("Root after a failure: %v", err)
		}
		if err := b.Leave(t.Context()); !errors.Is(err, errFull) {
			t.Errorf("Leave after a failure: %v", err)
		}
	}
}
