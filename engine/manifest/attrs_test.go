package manifest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// owned is a tree with all attributes there are, and unknown ones between.
func owned(store *memStore) *tree {
	owner := func(uid, gid uint32) Owner { return Owner{Known: true, UID: uid, GID: gid} }
	root := newDir(Attr{Mode: 0o755, Owner: owner(0, 0), Xattrs: []Xattr{{"user.root", ""}}})
	file := func(name string, a Attr) *tree {
		n := &tree{entry: Entry{Kind: File, Attr: a}}
		root.names[name] = n
		return n
	}
	links := Links{LinkGroup("first"), 2}
	file("first", Attr{Mode: 0o4755, Links: links})
	file("second", Attr{Mode: 0o4755, Links: links})
	file("largest owner", Attr{Owner: owner(OwnerMax, OwnerMax)})
	file("xattrs", Attr{Xattrs: []Xattr{{"security.capability", "\x01\x02"}, {"user.\xff\n=", strings.Repeat("v", 300)}}})
	all := file("all", Attr{Mode: 0o640, MTime: time.Unix(9, 9).UTC(), Owner: owner(1000, 100), Xattrs: []Xattr{{"user.a", "b"}}, Links: Links{LinkGroup("all"), 1<<32 - 1}})
	enc := wire.AppendCounted([]byte{5}, "between subtree and uid")
	enc = wire.AppendCounted(append(enc, 19), "an ACL")
	enc = wire.AppendCounted(append(enc, 21), "a digest")
	all.entry.unknown = &unknown{attrs: fields{3, enc, nil, []chunker.ID{store.put(chunker.Data, []byte("d"))}}}
	root.names["dir"] = newDir(Attr{Mode: 0o1777, Owner: owner(1, 2), Xattrs: []Xattr{{"user.d", "e"}}})
	root.names["link"] = &tree{entry: Entry{Kind: Symlink, Target: "t", Size: 1, Attr: Attr{Mode: 0o777, Owner: owner(3, 4)}}}
	return root
}

func TestEncodingOfOwnersXattrsAndLinksIsFixed(t *testing.T) {
	store := newMemStore()
	model := owned(store)
	root, e := model.build(t, store)
	checkSame(t, store, e, model)
	golden(t, "attrs.golden", fmt.Sprintf("attrs %s\n%s", root.Attrs, hex.Dump(store.chunks[root.Attrs])))
}

func TestOwnersXattrsAndLinksAreNoContent(t *testing.T) {
	store := newMemStore()
	model := owned(store)
	with, _ := model.build(t, store)
	model.walk("", func(_ string, n *tree) {
		n.entry.Attr.Owner, n.entry.Attr.Xattrs, n.entry.Attr.Links = Owner{}, nil, Links{}
	})
	without, _ := model.build(t, store)
	if with.Content != without.Content || with.Attrs == without.Attrs {
		t.Errorf("with %v, without %v", with, without)
	}
}

func TestDiffSeesOwnersXattrsAndLinks(t *testing.T) {
	store := newMemStore()
	a := newDir(Attr{})
	for _, name := range []string{"group", "links", "same", "uid", "value", "xattr"} {
		a.names[name] = &tree{entry: Entry{Kind: File, Attr: Attr{
			Owner: Owner{true, 1, 2}, Xattrs: []Xattr{{"user.a", "1"}}, Links: Links{LinkGroup("x"), 2},
		}}}
	}
	b := a.clone()
	b.names["uid"].entry.Attr.Owner.UID++
	b.names["group"].entry.Attr.Owner = Owner{}
	b.names["value"].entry.Attr.Xattrs = []Xattr{{"user.a", "2"}}
	b.names["xattr"].entry.Attr.Xattrs = nil
	b.names["links"].entry.Attr.Links.Count++
	_, ae := a.build(t, store)
	_, be := b.build(t, store)
	checkDiff(t, a, b, store, ae, be)
	var got []string
	for c, err := range Diff(t.Context(), store, ae, store, be) {
		check(t, err)
		got = append(got, line(c.Path, c.Kind))
	}
	var want []string
	for _, name := range []string{"group", "links", "uid", "value", "xattr"} {
		want = append(want, line(name, AttrsChanged))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBadAttributesAreRefused(t *testing.T) {
	many := make([]Xattr, 3)
	for i := range many {
		many[i] = Xattr{fmt.Sprint(i), string(make([]byte, XattrsMax/3))}
	}
	for name, e := range map[string]Entry{
		"owner not known":      {Kind: File, Attr: Attr{Owner: Owner{UID: 1}}},
		"uid too large":        {Kind: File, Attr: Attr{Owner: Owner{true, 1<<32 - 1, 0}}},
		"gid too large":        {Kind: File, Attr: Attr{Owner: Owner{true, 0, 1<<32 - 1}}},
		"xattr without name":   {Kind: File, Attr: Attr{Xattrs: []Xattr{{"", "x"}}}},
		"xattr with NUL":       {Kind: File, Attr: Attr{Xattrs: []Xattr{{"a\x00", "x"}}}},
		"xattr with long name": {Kind: File, Attr: Attr{Xattrs: []Xattr{{strings.Repeat("n", 256), "x"}}}},
		"xattr twice":          {Kind: File, Attr: Attr{Xattrs: []Xattr{{"a", "x"}, {"a", "y"}}}},
		"xattrs not in order":  {Kind: File, Attr: Attr{Xattrs: []Xattr{{"b", "x"}, {"a", "y"}}}},
		"xattrs too large":     {Kind: File, Attr: Attr{Xattrs: many}},
		"linked symlink":       {Kind: Symlink, Target: "t", Attr: Attr{Links: Links{LinkGroup("x"), 2}}},
		"group of one":         {Kind: File, Attr: Attr{Links: Links{LinkGroup("x"), 1}}},
		"group of zeros":       {Kind: File, Attr: Attr{Links: Links{Count: 2}}},
	} {
		e.Name = "f"
		b := NewBuilder(newMemStore())
		check(t, b.Enter(t.Context(), Entry{Kind: Dir}))
		if err := b.Add(t.Context(), e); !errors.Is(err, ErrEntry) {
			t.Errorf("%s: %v", name, err)
		}
		check(t, b.Leave(t.Context()))
	}
	b := NewBuilder(newMemStore())
	if err := b.Enter(t.Context(), Entry{Kind: Dir, Attr: Attr{Links: Links{LinkGroup("x"), 2}}}); !errors.Is(err, ErrEntry) {
		t.Errorf("a linked directory: %v", err)
	}
}

func TestLargestXattrsFitWhateverTheName(t *testing.T) {
	store := newMemStore()
	d := newDir(Attr{})
	xs := []Xattr{{strings.Repeat("n", NameMax), ""}}
	xs[0].Value = string(make([]byte, XattrsMax-len(appendXattrs(nil, xs))-2)) // the length takes two bytes more
	check(t, CheckXattrs(xs))
	if len(appendXattrs(nil, xs)) != XattrsMax {
		t.Fatalf("%d bytes", len(appendXattrs(nil, xs)))
	}
	d.names[strings.Repeat("d", NameMax)] = newDir(Attr{Xattrs: xs, Owner: Owner{true, OwnerMax, OwnerMax}})
	_, e := d.build(t, store)
	checkSame(t, store, e, d)
}

func TestMalformedAttributesAreRejected(t *testing.T) {
	always := []string{field(1, 0), field(2, 0, 0)}
	group := strings.Repeat("g", 16)
	for name, fields := range map[string][]string{
		"uid alone":          {field(16, 1)},
		"gid alone":          {field(17, 1)},
		"uid too large":      {field(16, 0xff, 0xff, 0xff, 0xff, 0x0f), field(17, 0)},
		"no xattrs":          {field(18)},
		"xattr without name": {field(18, 0, 0)},
		"xattr cut off":      {field(18, 1, 'a', 5, 'x')},
		"xattr twice":        {field(18, 1, 'a', 0, 1, 'a', 0)},
		"xattr with NUL":     {field(18, 1, 0, 0)},
		"short group":        {field(20, 1, 2)},
		"group of zeros":     {field(20, append(make([]byte, 16), 2)...)},
		"group of one":       {field(20, append([]byte(group), 1)...)},
		"count too large":    {field(20, append([]byte(group), 0x80, 0x80, 0x80, 0x80, 0x10)...)},
		"byte left over":     {field(20, append([]byte(group), 2, 0)...)},
		"gid before uid":     {field(17, 1), field(16, 1)},
	} {
		_, err := decode(raw(chunker.AttrsNode, 0, 0, 0, 1, leaf("f", 0, 0, append(always, fields...)...)))
		if !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	linked := leaf("d", 1, 0, field(1, 0), field(2, 0, 0), field(3), field(20, append([]byte(group), 2)...))
	if _, err := decode(inner(chunker.AttrsNode, 0, []chunker.ID{{1}}, linked)); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a linked directory: %v", err)
	}
}

// TestOnlyFilesHaveSeveralNames: attributes alone do not tell a link from a
// file, so it is checked where both sides come together.
func TestOnlyFilesHaveSeveralNames(t *testing.T) {
	links := field(20, append([]byte(strings.Repeat("g", 16)), 2)...)
	attrs := func(name string) string { return leaf(name, 0, 0, field(1, 0), field(2, 0, 0), links) }
	plain := leaf("", 0, 0, field(1, 0), field(2, 0, 0))
	symlink := inner(chunker.DirNode, 0, nil, leaf("l", 0, 0, field(1, byte(Symlink)), field(3, 't')))
	any := Root{Content: chunker.ID{1}, Attrs: chunker.ID{1}}

	src := cycle{chunker.DirNode: symlink, chunker.AttrsNode: inner(chunker.AttrsNode, 0, nil, plain, attrs("l"))}
	root := must[Entry](t)(RootEntry(t.Context(), src, any))
	if err := Walk(t.Context(), src, root, func(string, Entry) error { return nil }); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a symlink with several names: %v", err)
	}
	src[chunker.AttrsNode] = inner(chunker.AttrsNode, 0, nil, attrs(""))
	if _, err := RootEntry(t.Context(), src, any); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a root with several names: %v", err)
	}
}
