package manifest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// sized is a directory whose attributes leaf has the given size. What it
// refers to counts, and is an unknown field's.
func sized(t *testing.T, store *memStore, size, chunks, nodes int) *tree {
	t.Helper()
	u := fields{count: 1}
	for i := range chunks {
		u.chunks = append(u.chunks, store.put(chunker.Data, fmt.Append(nil, i)))
	}
	for i := range nodes {
		u.nodes = append(u.nodes, store.put(chunker.ListNode, fmt.Append(nil, i)))
	}
	e := Entry{Name: "f", Kind: File, unknown: &unknown{attrs: u}}
	var p piece
	for n := 0; p.size() < size; n++ {
		e.unknown.attrs.bytes = wire.AppendCounted([]byte{21}, make([]byte, n))
		check(t, p.attrs(&e, 0))
	}
	if p.size() != size {
		t.Fatalf("there is no entry of %d bytes", size)
	}
	d := newDir(Attr{})
	d.names["f"] = &tree{entry: e}
	return d
}

// sub is the entry of a name of the root.
func sub(t *testing.T, src Source, root Entry, name string) Entry {
	t.Helper()
	return must[Entry](t)(Resolve(t.Context(), src, root, name))
}

func TestAttributesOfUpToAKibibyteStandInTheParent(t *testing.T) {
	for _, c := range []struct {
		size, chunks, nodes int
		inline              bool
	}{
		{InlineAttrs - 1, 0, 0, true}, {InlineAttrs, 0, 0, true}, {InlineAttrs + 1, 0, 0, false},
		{InlineAttrs, 30, 0, true}, {InlineAttrs + 1, 30, 0, false},
		{InlineAttrs, 14, 15, true}, {InlineAttrs + 1, 14, 15, false},
	} {
		store := newMemStore()
		model := newDir(Attr{})
		model.names["d"] = sized(t, store, c.size, c.chunks, c.nodes)
		root, e := model.build(t, store)
		checkSame(t, store, e, model)
		d := sub(t, store, e, "d")
		if inline := d.Attr.InlineNode() != nil; inline != c.inline {
			t.Errorf("%+v: inline is %v", c, inline)
		}
		want := map[chunker.ID]bool{root.Attrs: true}
		if !c.inline {
			want[d.Attr.Tree] = true
		}
		if got := store.nodes(chunker.AttrsNode); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v: %d attributes nodes are stored, want %d", c, len(got), len(want))
		}
	}
}

// Inline or not, a tree has the same id, and is the same node.
func TestAnInlineTreeHasTheIDOfItsNode(t *testing.T) {
	store := newMemStore()
	model := newDir(Attr{})
	model.names["d"] = newFiles(t, store, 60).random(6, 0)
	_, e := model.build(t, store)
	d := sub(t, store, e, "d")
	old := stored(t, store, e)
	if o := sub(t, store, old, "d"); o.Attr.node != nil || o.Attr.Tree != d.Attr.Tree || !slices.Equal(store.chunks[o.Attr.Tree], d.Attr.InlineNode()) {
		t.Errorf("stored, it is %s, inline %s", o.Attr.Tree, d.Attr.Tree)
	}
	if again := must[[]byte](t)(decode(d.Attr.InlineNode())); !slices.Equal(again, d.Attr.InlineNode()) {
		t.Errorf("%x encodes to %x", d.Attr.InlineNode(), again)
	}
}

// nested has directories in each other, of which all but the root and the
// innermost one have small attributes.
func nested(t *testing.T, store *memStore) *tree {
	t.Helper()
	root := newDir(Attr{})
	at := root
	for i := range 4 {
		attr := Attr{Mode: uint32(i), MTime: time.Unix(int64(i), 0).UTC()}
		at.names["a"], at.names["f"], at.names["empty"] = newDir(attr), &tree{entry: Entry{Kind: File, Attr: attr}}, newDir(attr)
		at = at.names["a"]
	}
	at.names["later"] = &tree{entry: Entry{Kind: File, unknown: &unknown{attrs: later(store).attrs}}}
	at.names["large"] = sized(t, store, InlineAttrs+1, 0, 0)
	return root
}

func TestSmallTreesNest(t *testing.T) {
	store := newMemStore()
	model := nested(t, store)
	root, e := model.build(t, store)
	checkSame(t, store, e, model)
	large := sub(t, store, e, "a/a/a/a/large")
	nodes, chunks, err := Deps(store.chunks[root.Attrs])
	check(t, err)
	if !slices.Equal(nodes, []chunker.ID{large.Attr.Tree}) || !slices.Equal(chunks, later(store).attrs.chunks) {
		t.Errorf("the root's attributes refer to %v and %v", nodes, chunks)
	}
	if n := len(store.nodes(chunker.AttrsNode)); n != 2 {
		t.Errorf("%d attributes nodes are stored, want the root's and the large ones", n)
	}
}

func TestInlineAttributesAreReadFromTheEntryAlone(t *testing.T) {
	store := newMemStore()
	model := nested(t, store)
	root, e := model.build(t, store)
	a := sub(t, store, e, "a")
	clear(store.chunks[root.Attrs]) // nothing may still look at it
	before := store.reads
	for range must[*Directory](t)(OpenDir(store, a)).List(t.Context(), "") {
	}
	if n := store.reads - before; n != 1 {
		t.Errorf("listing a directory read %d nodes, want its content's", n)
	}
	want := model.names["a"].names["a"].names["a"].names["f"].entry
	want.Name = "f"
	if got := sub(t, store, a, "a/a/f"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// stored is e as it was before small trees stood in their parents.
func stored(t *testing.T, store *memStore, e Entry) Entry {
	t.Helper()
	var p piece
	w := treeWriter{sink: store, kind: chunker.AttrsNode, desk: new(desk)}
	if e.root {
		root := e
		root.Attr.Tree = chunker.ID{}
		check(t, p.attrs(&root, nameHash("")))
		check(t, w.add(t.Context(), 0, &p))
	}
	for child, err := range must[*Directory](t)(OpenDir(store, e)).List(t.Context(), "") {
		check(t, err)
		if child.Kind == Dir {
			child = stored(t, store, child)
		}
		check(t, p.attrs(&child, nameHash(child.Name)))
		check(t, w.add(t.Context(), 0, &p))
	}
	var err error
	e.Attr.Tree, _, err = w.finish(t.Context())
	check(t, err)
	e.Attr.node = nil
	return e
}

// added is a root with the entries of e, added as they are, in a store that
// has none of their attributes.
func added(t *testing.T, src Source, e Entry) (Root, Entry) {
	t.Helper()
	b := NewBuilder(&countingSink{})
	check(t, b.Enter(t.Context(), e))
	for child, err := range must[*Directory](t)(OpenDir(src, e)).List(t.Context(), "") {
		check(t, err)
		check(t, b.Add(t.Context(), child))
	}
	check(t, b.Leave(t.Context()))
	root, e, err := b.Root()
	check(t, err)
	return root, e
}

func TestEqualTreesHaveEqualRootsHoweverTheyCame(t *testing.T) {
	for seed := range uint64(8) {
		store := newMemStore()
		model := newFiles(t, store, 70+seed).random(40, 3)
		model.names["nested"] = nested(t, store)
		want, e := model.build(t, store)
		if got, _ := added(t, store, e); got != want {
			t.Errorf("added: %v, want %v", got, want)
		}
		b := NewBuilder(store)
		rewrite(t, b, store, e)
		if got, _, err := b.Root(); got != want || err != nil {
			t.Errorf("rewritten: %v, want %v; %v", got, want, err)
		}
	}
}

// An entry that was read is entered anew, whatever its subtree was.
func TestAnEnteredDirectoryHasOnlyWhatIsAdded(t *testing.T) {
	store := newMemStore()
	model := newDir(Attr{})
	model.names["d"] = newDir(Attr{})
	_, e := model.build(t, store)
	d := sub(t, store, e, "d")
	model.names["d"] = newFiles(t, store, 63).flat(300)
	model.names["d"].entry = Entry{Kind: Dir}
	want, _ := model.build(t, store)
	model.names["d"].entry = d
	if got, _ := model.build(t, store); got != want {
		t.Errorf("entered with a small subtree: %v, want %v", got, want)
	}
}

func TestTreesWithStoredAttributesStayReadable(t *testing.T) {
	store := newMemStore()
	model := newFiles(t, store, 62).random(40, 3)
	model.names["nested"] = nested(t, store)
	want, e := model.build(t, store)
	old := stored(t, store, e)
	if old.Attr.Tree == want.Attrs {
		t.Fatal("nothing is stored that was inline")
	}
	checkSame(t, store, old, model)
	for c, err := range Diff(t.Context(), store, old, store, e) {
		t.Errorf("%+v differs, %v", c, err)
	}
	if got, _ := added(t, store, old); got.Attrs != old.Attr.Tree {
		t.Error("what was stored and is added does not stay so")
	}
	b := NewBuilder(store)
	rewrite(t, b, store, old)
	if got, _, err := b.Root(); got != want || err != nil {
		t.Errorf("rewritten: %v, want %v; %v", got, want, err)
	}
}

func TestDiffSeesAChangeInInlineAttributes(t *testing.T) {
	store := newMemStore()
	model := nested(t, store)
	_, e := model.build(t, store)
	other := model.clone()
	other.names["a"].names["a"].names["f"].entry.Attr.Mode ^= 1
	_, o := other.build(t, store)
	checkDiff(t, model, other, store, e, o)
	var got []string
	for c, err := range Diff(t.Context(), store, e, store, o) {
		check(t, err)
		got = append(got, line(c.Path, c.Kind))
	}
	if want := []string{line("a/a/f", AttrsChanged)}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// roomFor is the attributes of a directory called name whose entry has size
// bytes with a stored tree.
func roomFor(t *testing.T, name string, size int) Entry {
	t.Helper()
	e := Entry{Name: name, Kind: Dir, Attr: Attr{Tree: chunker.ID{1}}, unknown: &unknown{attrs: fields{count: 1}}}
	var p piece
	for n := size - 100; n < size; n++ {
		e.unknown.attrs.bytes = wire.AppendCounted([]byte{21}, make([]byte, n))
		if p.attrs(&e, 0) == nil && p.size() == size {
			return e
		}
	}
	t.Fatalf("there is no entry of %d bytes", size)
	return e
}

// An entry without room for its subtree has it stored, added or built.
func TestASubtreeThatItsEntryHasNoRoomForIsStored(t *testing.T) {
	const value = 3 + 3 // tag and length, counts
	for _, c := range []struct {
		size   int // of the entry, the tree stored
		ids    int // of chunks, and of nodes, that the subtree takes
		inline bool
	}{
		{EntryMax - InlineAttrs - value + chunker.IDSize + 2, 0, true},
		{EntryMax - InlineAttrs - value + chunker.IDSize + 3, 0, false},
		{EntryMax, 3, false},
	} {
		store := newMemStore()
		model := newDir(Attr{})
		model.names["d"] = sized(t, store, InlineAttrs, c.ids, c.ids)
		model.names["d"].entry = roomFor(t, "d", c.size)
		model.names["d"].entry.Attr.Tree = chunker.ID{}
		want, e := model.build(t, store)
		checkSame(t, store, e, model)
		d := sub(t, store, e, "d")
		if inline, outside := d.Attr.node != nil, store.nodes(chunker.AttrsNode)[d.Attr.Tree]; inline != c.inline || outside == inline {
			t.Errorf("%d bytes: inline is %v, stored %v", c.size, inline, outside)
		}
		small := newDir(Attr{})
		small.names["d"] = model.names["d"].clone()
		small.names["d"].entry = Entry{Kind: Dir}
		_, s := small.build(t, store)
		d = sub(t, store, s, "d") // inline: its own attributes are small
		d.unknown = model.names["d"].entry.unknown
		before := len(store.nodes(chunker.AttrsNode))
		b := NewBuilder(store)
		check(t, b.Enter(t.Context(), Entry{}))
		check(t, b.Add(t.Context(), d))
		check(t, b.Leave(t.Context()))
		if got, _, err := b.Root(); got.Attrs != want.Attrs || err != nil {
			t.Errorf("%d bytes: added %v, built %v; %v", c.size, got, want, err)
		}
		if n := len(store.nodes(chunker.AttrsNode)); n != before {
			t.Errorf("%d bytes: %d nodes more", c.size, n-before)
		}
	}
}

func TestAnAddedEntryThatIsTooLargeLeavesNothing(t *testing.T) {
	store := newMemStore()
	model := newDir(Attr{})
	model.names["d"] = newDir(Attr{})
	_, e := model.build(t, store)
	d := sub(t, store, e, "d")
	d.unknown = &unknown{attrs: fields{count: 1, bytes: wire.AppendCounted([]byte{21}, make([]byte, EntryMax))}}
	b := NewBuilder(&fullSink{store, 0})
	check(t, b.Enter(t.Context(), Entry{}))
	if err := b.Add(t.Context(), d); !errors.Is(err, ErrEntry) {
		t.Errorf("an entry that is too large: %v", err)
	}
	check(t, b.Add(t.Context(), Entry{Name: "d", Kind: File}))
}

// always are the fields that every entry has.
var always = field(tagMode, 0) + field(tagMTime, 0, 0)

// holder is an attributes leaf of one directory, with a subtree inline. Its
// value may have any length.
func holder(nodes, chunks int, value string) []byte {
	body := "\x01d" + string([]byte{byte(nodes), byte(chunks), 3}) + always
	return raw(chunker.AttrsNode, 0, nodes, chunks, 1, body+string(wire.AppendCounted([]byte{tagInline}, value)))
}

// inline is a field's value.
func inline(nodes, chunks, count byte, entries ...string) string {
	return string([]byte{nodes, chunks, count}) + strings.Join(entries, "")
}

func TestMalformedInlineTreesAreRefused(t *testing.T) {
	const A = chunker.AttrsNode
	dir := func(nodes byte, fields ...string) []byte {
		return raw(A, 0, int(nodes), 0, 1, leaf("d", nodes, 0, append([]string{field(1, 0), field(2, 0, 0)}, fields...)...))
	}
	empty := field(tagInline, 0, 0, 0)
	group := field(tagLinks, append([]byte(strings.Repeat("g", 16)), 2)...)
	entry := leaf("f", 0, 0, field(1, 0), field(2, 0, 0))
	long := strings.Repeat("x", InlineAttrs-len(inline(0, 0, 0)))
	for what, data := range map[string][]byte{
		"stored, too":           dir(1, field(tagSubtree), empty),
		"of a linked file":      dir(0, empty, group),
		"nothing":               dir(0, field(tagInline)),
		"no counts":             dir(0, field(tagInline, 0, 0)),
		"count not minimal":     dir(0, field(tagInline, 0, 0, 0x80, 0)),
		"more entries than fit": holder(0, 0, inline(0, 0, 3, "x")),
		"many entries":          holder(0, 0, "\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
		"many ids":              holder(0, 0, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00"),
		"a node id too many":    holder(0, 0, inline(1, 0, 1, entry)),
		"a chunk id too many":   holder(0, 0, inline(0, 1, 1, entry)),
		"a node id left":        holder(2, 0, inline(1, 0, 1, entry)),
		"a chunk id left":       holder(0, 2, inline(0, 1, 1, entry)),
		"too large":             holder(0, 0, inline(0, 0, 1, long, "xxxx")),
		"too large with ids":    holder(1, 0, inline(1, 0, 1, long, "xxxx")[:3+InlineAttrs-chunker.IDSize+1]),
	} {
		if _, err := decode(data); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, data := range map[string][]byte{
		"empty":         dir(0, empty),
		"one entry":     holder(0, 0, inline(0, 0, 1, entry)),
		"largest":       holder(0, 0, inline(0, 0, 1, long, "xxx")),
		"largest, ids":  holder(1, 0, inline(1, 0, 1, long, "xxx")[:3+InlineAttrs-chunker.IDSize]),
		"takes its ids": holder(1, 1, inline(1, 1, 1, entry)), // what of, is seen when it is opened
	} {
		if again, err := decode(data); err != nil || !slices.Equal(again, data) {
			t.Errorf("%s: %x, %v", what, again, err)
		}
	}
}

// What an inline leaf holds is checked as that of any page: when it is read.
func TestMalformedInlineLeavesAreRefusedWhenRead(t *testing.T) {
	plain := func(name string) string { return leaf(name, 0, 0, field(1, 0), field(2, 0, 0)) }
	directory := func(name string, nodes byte) string {
		return leaf(name, nodes, 0, field(1, 0), field(2, 0, 0), field(3))
	}
	for what, c := range map[string]struct {
		nodes, chunks int
		value         string
		good          bool
	}{
		"right":                   {value: inline(0, 0, 2, plain("a"), plain("b")), good: true},
		"count too small":         {value: inline(0, 0, 1, plain("a"), plain("b"))},
		"count too large":         {value: inline(0, 0, 3, plain("a"), plain("b"))},
		"bytes, no entries":       {value: inline(0, 0, 0, plain("a"))},
		"a byte left over":        {value: inline(0, 0, 2, plain("a"), plain("b"), "\x00")},
		"cut off":                 {value: inline(0, 0, 2, plain("a"), plain("b")[:5])},
		"order":                   {value: inline(0, 0, 2, plain("b"), plain("a"))},
		"a root's":                {value: inline(0, 0, 3, plain(""), plain("a"), plain("b"))},
		"bad name":                {value: inline(0, 0, 2, plain("a"), plain("b/"))},
		"a node id left":          {nodes: 1, value: inline(1, 0, 2, plain("a"), plain("b"))},
		"a chunk id left":         {chunks: 1, value: inline(0, 1, 2, plain("a"), plain("b"))},
		"no node id":              {value: inline(0, 0, 2, plain("a"), directory("b", 0))},
		"takes what is not":       {value: inline(0, 0, 2, plain("a"), directory("b", 1))},
		"attributes of a subtree": {nodes: 1, value: inline(1, 0, 2, plain("a"), directory("b", 1))},
		"no attributes":           {value: inline(0, 0, 1, plain("a"))},
	} {
		attrs := holder(c.nodes, c.chunks, c.value)
		src := cycle{
			chunker.DirNode:   fileLeaf("a", "b"),
			chunker.AttrsNode: attrs,
		}
		e := Entry{Kind: Dir, Tree: chunker.ID{1}, Summary: Summary{Entries: 1, Subdirs: 1, Files: 2}, Attr: Attr{Tree: chunker.ID{1}}}
		top := cycle{
			chunker.DirNode:   inner(chunker.DirNode, 0, []chunker.ID{{1}}, leaf("d", 1, 0, field(1, 2), field(7, 2, 0, 2, 0))),
			chunker.AttrsNode: attrs,
		}
		d := sub(t, top, e, "d")
		err := Walk(t.Context(), src, d, func(string, Entry) error { return nil })
		if c.good && err != nil || !c.good && !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestARootsAttributesAreNotInline(t *testing.T) {
	store := newMemStore()
	root := Root{Content: store.put(chunker.DirNode, fileLeaf())}
	root.Attrs = store.put(chunker.AttrsNode, raw(chunker.AttrsNode, 0, 0, 0, 1, leaf("", 0, 0, field(1, 0), field(2, 0, 0), field(tagInline, 0, 0, 0))))
	if _, err := RootEntry(t.Context(), store, root); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a root with a subtree inline: %v", err)
	}
}

// TestReadingADirectoryOfDirectoriesIsCheap: for each directory it takes one
// allocation more than for a file, the node.
func TestReadingADirectoryOfDirectoriesIsCheap(t *testing.T) {
	const n = 100
	list := func(child *tree) float64 {
		store := newMemStore()
		model := newDir(Attr{})
		for i := range n {
			model.names[fmt.Sprint(i)] = child
		}
		_, e := model.build(t, store)
		dir := must[*Directory](t)(OpenDir(store, e))
		return testing.AllocsPerRun(10, func() {
			for range dir.List(context.Background(), "") {
			}
		})
	}
	file := &tree{entry: Entry{Kind: File}}
	small := newDir(Attr{})
	small.names["f"] = file
	if dirs, files := list(small), list(file); dirs > files+1.1*n {
		t.Errorf("%v allocations for %d directories, %v for as many files", dirs, n, files)
	}
}
