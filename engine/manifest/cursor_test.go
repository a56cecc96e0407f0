package manifest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// inner encodes an inner node over children.
func inner(kind chunker.Kind, level byte, children []chunker.ID, entries ...string) []byte {
	return appendNode(nil, kind, int(level), children, len(children), len(entries), []byte(strings.Join(entries, "")))
}

// under encodes an entry of an inner directory page, with summary.
func under(name string, sum ...byte) string { return string(byte(len(name))) + name + string(sum) }

// fileLeaf is a directory leaf of empty files.
func fileLeaf(names ...string) []byte {
	var entries []string
	for _, name := range names {
		entries = append(entries, leaf(name, 0, 0, field(1, 1), field(4, 0)))
	}
	return inner(chunker.DirNode, 0, nil, entries...)
}

// attrsLeaf is an attributes leaf.
func attrsLeaf(names ...string) []byte {
	var entries []string
	for _, name := range names {
		entries = append(entries, leaf(name, 0, 0, field(1, 0), field(2, 0, 0)))
	}
	return inner(chunker.AttrsNode, 0, nil, entries...)
}

// readAll reads a tree to its end.
func readAll(src Source, kind chunker.Kind, id chunker.ID, sum *Summary) error {
	c, err := openCursor(context.Background(), src, kind, id, sum)
	for err == nil {
		var it *item
		if it, err = c.next(context.Background()); it == nil {
			return err
		}
		c.skip()
	}
	return err
}

func TestPagesThatContradictTheirParentAreRefused(t *testing.T) {
	const D = chunker.DirNode
	store := newMemStore()
	ab, cd := store.put(D, fileLeaf("a", "b")), store.put(D, fileLeaf("c", "d"))
	bc, none := store.put(D, fileLeaf("b", "c")), store.put(D, fileLeaf())
	two := []byte{2, 0, 2, 0}
	high := store.put(D, inner(D, 1, []chunker.ID{ab, cd}, under("b", two...), under("d", two...)))
	four := Summary{Entries: 4, Files: 4}
	put := func(level byte, children []chunker.ID, entries ...string) chunker.ID {
		return store.put(D, inner(D, level, children, entries...))
	}
	if err := readAll(store, D, high, &four); err != nil {
		t.Fatalf("a tree that is right: %v", err)
	}
	for what, top := range map[string]chunker.ID{
		"one child":              put(1, []chunker.ID{ab}, under("b", two...)),
		"largest name too large": put(1, []chunker.ID{ab, cd}, under("bb", two...), under("d", two...)),
		"largest name too small": put(1, []chunker.ID{ab, cd}, under("b", two...), under("cc", two...)),
		"ranges overlap":         put(1, []chunker.ID{ab, bc}, under("b", two...), under("c", two...)),
		"children descend":       put(1, []chunker.ID{cd, ab}, under("d", two...), under("b", two...)),
		"same child twice":       put(1, []chunker.ID{ab, ab}, under("b", two...), under("c", two...)),
		"summary":                put(1, []chunker.ID{ab, cd}, under("b", 1, 0, 1, 0), under("d", 3, 0, 3, 0)),
		"summary of all":         put(1, []chunker.ID{ab, cd}, under("b", two...), under("d", 2, 0, 2, 1)),
		"level skipped":          put(2, []chunker.ID{ab, cd}, under("b", two...), under("d", two...)),
		"level repeated":         put(1, []chunker.ID{high, cd}, under("d", two...), under("e", two...)),
		"empty page":             put(1, []chunker.ID{ab, none}, under("b", two...), under("c", 0, 0, 0, 0)),
	} {
		if err := readAll(store, D, top, &four); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	attrs := cycle{D: attrsLeaf("a")}
	if err := readAll(attrs, D, high, nil); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a node of another kind: %v", err)
	}
}

// cycle answers every id with the same node of a kind, as no store can that
// checks what it reads.
type cycle map[chunker.Kind][]byte

func (c cycle) Chunk(_ context.Context, kind chunker.Kind, _ chunker.ID) ([]byte, error) {
	return c[kind], nil
}

func TestCyclesEnd(t *testing.T) {
	id := chunker.ID{1}
	dir := inner(chunker.DirNode, 0, []chunker.ID{id}, leaf("d", 1, 0, field(1, 2), field(7, 1, 1, 0, 0)))
	attrs := inner(chunker.AttrsNode, 0, []chunker.ID{id}, leaf("d", 1, 0, field(1, 0), field(2, 0, 0), field(3)))
	e := Entry{Kind: Dir, Tree: id, Summary: Summary{Entries: 1, Subdirs: 1}, Attr: Attr{Tree: id}}
	src := cycle{chunker.DirNode: dir, chunker.AttrsNode: attrs}
	err := Walk(t.Context(), src, e, func(string, Entry) error { return nil })
	if !errors.Is(err, ErrNesting) || !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a directory in itself: %v", err)
	}
	for _, err := range Diff(t.Context(), src, e, src, Entry{Kind: Dir, Tree: chunker.ID{2}, Summary: e.Summary, Attr: e.Attr}) {
		if err != nil {
			t.Errorf("subtrees equal by id were compared: %v", err)
		}
	}
	two := []chunker.ID{id, id}
	src[chunker.DirNode] = inner(chunker.DirNode, 1, two, under("a", 1, 0, 1, 0), under("b", 1, 0, 1, 0))
	src[chunker.ListNode] = inner(chunker.ListNode, 1, two, "\x64\x32", "\x64\x32")
	if err := Walk(t.Context(), src, e, func(string, Entry) error { return nil }); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a page below itself: %v", err)
	}
	for _, err := range Segments(t.Context(), src, Content{List: id, Count: 100}, 0) {
		if !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("a list below itself: %v", err)
		}
	}
}

func TestListPagesThatContradictTheirParentAreRefused(t *testing.T) {
	const L = chunker.ListNode
	store := newMemStore()
	id := chunker.ID{1}
	ten := make([]chunker.ID, 10)
	for i := range ten {
		ten[i] = id
	}
	low := store.put(L, appendNode(nil, L, 0, ten, 0, 10, []byte(strings.Repeat("\x04", 10)))) // 10 × 2 bytes
	top := func(level byte, entries ...string) Content {
		n := store.put(L, inner(L, level, []chunker.ID{low, low}, entries...))
		return Content{List: n, Count: 20}
	}
	right := top(1, "\x14\x0a", "\x14\x0a")
	if n := len(collect(t, store, right, 0)); n != 20 {
		t.Fatalf("a list that is right has %d segments", n)
	}
	wrongCount := right
	wrongCount.Count = 21
	for what, c := range map[string]Content{
		"count":            wrongCount,
		"bytes below":      top(1, "\x14\x0a", "\x15\x0a"),
		"segments below":   top(1, "\x14\x0a", "\x14\x09"),
		"level skipped":    top(2, "\x14\x0a", "\x14\x0a"),
		"one child":        {List: store.put(L, inner(L, 1, []chunker.ID{low}, "\x14\x0a")), Count: 10},
		"not there at all": {List: id, Count: 20},
	} {
		var last error
		for _, err := range Segments(t.Context(), store, c, 0) {
			last = err
		}
		if last == nil || what != "not there at all" && !errors.Is(last, wire.ErrMalformed) {
			t.Errorf("%s: %v", what, last)
		}
	}
	e := Entry{Kind: File, Size: 41, Content: right}
	r := must[*Reader](t)(OpenFile(t.Context(), store, e))
	if _, err := r.ReadAt(make([]byte, 1), 0); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a list shorter than its file: %v", err)
	}
}
