package manifest

import (
	"reflect"
	"slices"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// later is what a later version might have written: two fields on each side,
// with ids.
func later(store *memStore) *unknown {
	node := store.put(chunker.ListNode, []byte("a node of a kind to come"))
	chunk := store.put(chunker.Data, []byte("inline"))
	enc := wire.AppendCounted(append([]byte(nil), 8), "inline")
	enc = wire.AppendCounted(append(enc, 0xff, 0x7f), "tag 16383")
	attrs := wire.AppendCounted(append([]byte(nil), 21), chunk[:])
	return &unknown{
		content: fields{2, enc, []chunker.ID{node, node}, []chunker.ID{chunk}},
		attrs:   fields{1, attrs, nil, []chunker.ID{chunk}},
	}
}

func TestUnknownFieldsSurviveARewrite(t *testing.T) {
	store := newMemStore()
	f := newFiles(t, store, 30)
	model := newDir(f.attr())
	model.entry.unknown = &unknown{attrs: later(store).attrs}
	for i, n := range []*tree{f.file(0), f.file(5), f.file(20), f.symlink("t"), f.random(5, 0)} {
		n.entry.unknown = later(store)
		model.names[string(rune('a'+i))] = n
	}
	model.names["plain"] = f.file(1)
	want, root := model.build(t, store)
	checkSame(t, store, root, model)

	b := NewBuilder(store)
	read := must[Entry](t)(RootEntry(t.Context(), store, want))
	if !reflect.DeepEqual(read, root) {
		t.Errorf("root entry\n read  %+v\n built %+v", read, root)
	}
	rewrite(t, b, store, read)
	got, _, err := b.Root()
	check(t, err)
	if got != want {
		t.Errorf("rewritten %v, want %v", got, want)
	}
}

// rewrite copies a tree entry by entry, subdirectories too.
func rewrite(t *testing.T, b *Builder, src Source, e Entry) {
	t.Helper()
	check(t, b.Enter(t.Context(), e))
	dir := must[*Directory](t)(OpenDir(src, e))
	for e, err := range dir.List(t.Context(), "") {
		check(t, err)
		if e.Kind == Dir {
			rewrite(t, b, src, e)
		} else {
			check(t, b.Add(t.Context(), e))
		}
	}
	check(t, b.Leave(t.Context()))
}

func TestDiffSeesUnknownFields(t *testing.T) {
	store := newMemStore()
	f := newFiles(t, store, 31)
	a := newDir(f.attr())
	a.names["content"], a.names["attrs"], a.names["dir"] = f.file(1), f.file(1), newDir(f.attr())
	b := a.clone()
	b.names["content"].entry.unknown = &unknown{content: later(store).content}
	b.names["attrs"].entry.unknown = &unknown{attrs: later(store).attrs}
	b.names["dir"].entry.unknown = &unknown{attrs: later(store).attrs}
	_, ae := a.build(t, store)
	_, be := b.build(t, store)
	var got []string
	for c, err := range Diff(t.Context(), store, ae, store, be) {
		check(t, err)
		got = append(got, line(c.Path, c.Kind))
	}
	want := []string{line("attrs", AttrsChanged), line("content", Modified), line("dir", AttrsChanged)}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
