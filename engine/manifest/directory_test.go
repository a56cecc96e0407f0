package manifest

import (
	"errors"
	"io/fs"
	"reflect"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

func TestLookupFindsEveryNameAndNoOther(t *testing.T) {
	store := newMemStore()
	f := newFiles(t, store, 9)
	model := f.random(2000, 0)
	_, root := model.build(t, store)
	dir := must[*Directory](t)(OpenDir(store, root))
	for name, sub := range model.names {
		e, err := dir.Lookup(t.Context(), name)
		check(t, err)
		want := sub.entry
		want.Name = name
		if !reflect.DeepEqual(e, want) {
			t.Fatalf("Lookup(%q)\n got %+v\nwant %+v", name, e, want)
		}
	}
	for _, name := range []string{"", ".", "..", "a/b", "\x01\x01\x01\x01", "\xff\xff\xff\xff", "not here", "nul\x00"} {
		if _, err := dir.Lookup(t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Lookup(%q): %v", name, err)
		}
	}
}

func TestLookupReadsOnlyThePathToTheName(t *testing.T) {
	store := newMemStore()
	_, root := newFiles(t, store, 10).flat(20_000).build(t, store)
	dir := must[*Directory](t)(OpenDir(store, root))
	before := store.reads
	must[Entry](t)(dir.Lookup(t.Context(), "file-012345.txt"))
	if n := store.reads - before; n > 6 {
		t.Errorf("read %d nodes, want at most three levels of two trees", n)
	}
}

func TestListGoesOnAfterAnyName(t *testing.T) {
	store := newMemStore()
	model := newFiles(t, store, 11).random(1500, 0)
	_, root := model.build(t, store)
	dir := must[*Directory](t)(OpenDir(store, root))
	names := model.sorted()
	for i := 0; i <= len(names); i += 37 {
		after := ""
		if i > 0 {
			after = names[i-1]
		}
		for _, after := range []string{after, after + "\x00"} {
			got := 0
			for e, err := range dir.List(t.Context(), after) {
				check(t, err)
				if e.Name != names[i+got] {
					t.Fatalf("after %q: entry %d is %q, want %q", after, got, e.Name, names[i+got])
				}
				if got++; got == 100 {
					break
				}
			}
			if got != min(len(names)-i, 100) {
				t.Fatalf("after %q: %d entries", after, got)
			}
		}
	}
}

func TestOpenDirRefusesWhatIsNone(t *testing.T) {
	if _, err := OpenDir(newMemStore(), Entry{Kind: File}); !errors.Is(err, ErrNotDir) {
		t.Errorf("opening a file: %v", err)
	}
}

// mismatched gives a directory the attributes of another.
func mismatched(t *testing.T, change func(*tree)) (Source, Entry) {
	store := newMemStore()
	model := newFiles(t, store, 12).flat(3)
	_, root := model.build(t, store)
	other := model.clone()
	change(other)
	_, o := other.build(t, store)
	root.Attr.Tree = o.Attr.Tree
	return store, root
}

func TestTreesThatDoNotMatchAreMalformed(t *testing.T) {
	const name = "file-000001.txt"
	for what, change := range map[string]func(*tree){
		"attributes missing": func(n *tree) { delete(n.names, name) },
		"content missing":    func(n *tree) { n.names["file-000000.txt.x"] = n.names[name] },
		"last one missing":   func(n *tree) { delete(n.names, "file-000002.txt") },
		"one too many":       func(n *tree) { n.names["z"] = n.names[name] },
		"of a directory":     func(n *tree) { n.names[name] = newDir(Attr{}) },
	} {
		src, root := mismatched(t, change)
		err := Walk(t.Context(), src, root, func(string, Entry) error { return nil })
		if !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: walk gave %v", what, err)
		}
		if what == "attributes missing" || what == "of a directory" {
			dir := must[*Directory](t)(OpenDir(src, root))
			if _, err := dir.Lookup(t.Context(), name); !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("%s: lookup gave %v", what, err)
			}
		}
	}
}

func TestOnlyARootHasAttributesOfItsOwn(t *testing.T) {
	store := newMemStore()
	model := newFiles(t, store, 13).flat(2)
	model.names["sub"] = newFiles(t, store, 18).flat(60)
	_, e := model.build(t, store)
	sub := must[Entry](t)(Resolve(t.Context(), store, e, "sub"))
	if _, err := RootEntry(t.Context(), store, Root{sub.Tree, sub.Attr.Tree}); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a subdirectory as a root: %v", err)
	}
	sub.Tree, sub.Attr, sub.Summary = e.Tree, e.Attr, e.Summary
	for _, err := range must[*Directory](t)(OpenDir(store, sub)).List(t.Context(), "") {
		if !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("a root as a subdirectory: %v", err)
		}
	}
}

func TestARootsAttributesHaveNoSubtree(t *testing.T) {
	store := newMemStore()
	root := Root{Content: store.put(chunker.DirNode, fileLeaf())}
	for _, c := range []struct {
		node []byte
		want error
	}{
		{raw(chunker.AttrsNode, 0, 0, 0, 1, leaf("", 0, 0, field(1, 0), field(2, 0, 0))), nil},
		{raw(chunker.AttrsNode, 0, 1, 0, 1, leaf("", 1, 0, field(1, 0), field(2, 0, 0), field(3))), wire.ErrMalformed},
		{raw(chunker.AttrsNode, 0, 0, 0, 0), wire.ErrMalformed},
	} {
		root.Attrs = store.put(chunker.AttrsNode, c.node)
		if _, err := RootEntry(t.Context(), store, root); !errors.Is(err, c.want) {
			t.Errorf("%x: %v", c.node, err)
		}
	}
}

func TestASummaryThatIsWrongIsMalformed(t *testing.T) {
	store := newMemStore()
	model := newFiles(t, store, 14).flat(2)
	_, root := model.build(t, store)
	root.Summary.Bytes++
	last := error(nil)
	for _, err := range must[*Directory](t)(OpenDir(store, root)).List(t.Context(), "") {
		last = err
	}
	if !errors.Is(last, wire.ErrMalformed) {
		t.Errorf("list gave %v", last)
	}
}

func TestMissingNodesAreReported(t *testing.T) {
	store := newMemStore()
	root, e := newFiles(t, store, 15).flat(2000).build(t, store)
	for id := range store.nodes(chunker.Data) {
		if id == root.Content || id == root.Attrs {
			continue
		}
		data, kind := store.chunks[id], store.kinds[id]
		delete(store.chunks, id)
		err := Walk(t.Context(), store, e, func(string, Entry) error { return nil })
		if !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("without %s %s: %v", kind, id, err)
		}
		store.put(kind, data)
	}
}
