package manifest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/chunker"
)

// naiveDiff compares two models as Diff compares manifests.
func naiveDiff(path string, a, b *tree, emit func(path string, kind ChangeKind)) {
	whole := func(n *tree, path string, kind ChangeKind, self bool) {
		n.walk(path, func(p string, _ *tree) {
			if self || p != path {
				emit(p, kind)
			}
		})
	}
	switch {
	case a == nil:
		whole(b, path, Added, true)
		return
	case b == nil:
		whole(a, path, Removed, true)
		return
	case a.entry.Kind != b.entry.Kind:
		emit(path, TypeChanged)
		whole(a, path, Removed, false)
		whole(b, path, Added, false)
		return
	}
	x, y := a.entry, b.entry
	xa, ya := x.Attr, y.Attr
	x.Attr, y.Attr = Attr{}, Attr{}
	switch {
	case !reflect.DeepEqual(x, y):
		emit(path, Modified)
	case !reflect.DeepEqual(xa, ya):
		emit(path, AttrsChanged)
	}
	names := append(a.sorted(), b.sorted()...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		naiveDiff(childPath(path, name), a.names[name], b.names[name], emit)
	}
}

func line(path string, kind ChangeKind) string { return fmt.Sprintf("%s %q", kind, path) }

// checkDiff compares Diff with the naive one.
func checkDiff(t *testing.T, a, b *tree, src Source, ae, be Entry) {
	t.Helper()
	var got, want []string
	naiveDiff("", a, b, func(path string, kind ChangeKind) { want = append(want, line(path, kind)) })
	for c, err := range Diff(t.Context(), src, ae, src, be) {
		check(t, err)
		got = append(got, line(c.Path, c.Kind))
		if len(got)%50 < 4 { // resolving is slow
			checkSide(t, src, ae, c.Path, c.Old, c.Kind != Added)
			checkSide(t, src, be, c.Path, c.New, c.Kind != Removed)
		}
	}
	if !slices.Equal(got, want) {
		i := 0
		for i < min(len(got), len(want)) && got[i] == want[i] {
			i++
		}
		t.Fatalf("change %d\n got %q\nwant %q", i, got[i:min(i+5, len(got))], want[i:min(i+5, len(want))])
	}
}

func checkSide(t *testing.T, src Source, root Entry, path string, e *Entry, there bool) {
	t.Helper()
	if !there {
		if e != nil {
			t.Fatalf("%q: a side that should be nil: %+v", path, e)
		}
		return
	}
	want := must[Entry](t)(Resolve(t.Context(), src, root, path))
	if e == nil || !reflect.DeepEqual(*e, want) {
		t.Fatalf("%q: got %+v, want %+v", path, e, want)
	}
}

// edit changes about one entry in every rate, in all ways there are.
func (f *files) edit(n *tree, rate int) {
	for _, name := range n.sorted() {
		sub := n.names[name]
		if sub.names != nil {
			f.edit(sub, rate)
		}
		if f.rng.IntN(rate) != 0 {
			continue
		}
		switch f.rng.IntN(7) {
		case 0:
			delete(n.names, name)
		case 1:
			n.names[f.name()] = f.file(f.rng.IntN(3))
		case 2:
			n.names[name] = f.random(3, 1)
		case 3:
			n.names[f.name()] = f.random(3, 1)
		case 4:
			n.names[name] = f.symlink(f.name())
		case 5:
			n.names[name] = f.file(1)
		default:
			sub.entry.Attr = f.attr()
		}
	}
}

func TestDiffAgreesWithANaiveOne(t *testing.T) {
	for seed := range uint64(12) {
		store := newMemStore()
		f := newFiles(t, store, 100+seed)
		a := f.random(10+int(seed)*6, 2)
		a.names["large"] = f.flat(int(seed) * 50)
		b := a.clone()
		f.edit(b, []int{1, 5, 50, 1000}[seed%4])
		if seed%3 == 0 {
			b.entry.Attr = f.attr()
		}
		_, ae := a.build(t, store)
		_, be := b.build(t, store)
		checkDiff(t, a, b, store, ae, be)
		checkDiff(t, b, a, store, be, ae)
		checkDiff(t, a, a, store, ae, ae)
	}
}

func TestDiffOfTouchedDirectoryListsEveryEntry(t *testing.T) {
	store := newMemStore()
	f := newFiles(t, store, 20)
	a := f.flat(1500)
	b := a.clone()
	for _, n := range b.names {
		n.entry.Attr.MTime = n.entry.Attr.MTime.Add(time.Second)
	}
	_, ae := a.build(t, store)
	_, be := b.build(t, store)
	checkDiff(t, a, b, store, ae, be)
}

func TestDiffSeesContentOfTheSameLength(t *testing.T) {
	store := newMemStore()
	f := newFiles(t, store, 26)
	a := newDir(f.attr())
	chunk := func(s string) Content {
		return Content{Segments: []Segment{{ID: store.put(chunker.Data, []byte(s)), Length: int64(len(s))}}}
	}
	attr := f.attr()
	a.names["f"] = &tree{entry: Entry{Kind: File, Size: 3, Content: chunk("old"), Attr: attr}}
	b := a.clone()
	b.names["f"].entry.Content = chunk("new")
	_, ae := a.build(t, store)
	_, be := b.build(t, store)
	checkDiff(t, a, b, store, ae, be)
}

func TestDiffOfARootWithASubdirectory(t *testing.T) {
	store := newMemStore()
	f := newFiles(t, store, 21)
	sub := f.flat(300)
	top := newDir(f.attr())
	top.names["sub"] = sub
	_, e := top.build(t, store)
	_, root := sub.build(t, store)
	inner := must[Entry](t)(Resolve(t.Context(), store, e, "sub"))
	for range Diff(t.Context(), store, root, store, inner) {
		t.Error("the same directory differs from itself")
	}
}

func TestDiffPassesOverEqualPages(t *testing.T) {
	store := newMemStore()
	f := newFiles(t, store, 22)
	a := f.flat(20_000)
	a.names["sub"] = f.flat(2000)
	b := a.clone()
	b.names["file-010000.txt"] = f.file(2)
	b.names["file-010000.new"] = f.file(2)
	_, ae := a.build(t, store)
	_, be := b.build(t, store)
	before := store.reads
	changes := 0
	for _, err := range Diff(t.Context(), store, ae, store, be) {
		check(t, err)
		changes++
	}
	if n := store.reads - before; changes != 2 || n > 24 {
		t.Errorf("%d changes, read %d of %d nodes", changes, n, len(store.nodes(chunker.Data)))
	}
}

func TestDiffStopsWhenToldTo(t *testing.T) {
	store := newMemStore()
	f := newFiles(t, store, 23)
	a, b := newDir(f.attr()), f.random(50, 2)
	_, ae := a.build(t, store)
	_, be := b.build(t, store)
	all := 0
	for range Diff(t.Context(), store, ae, store, be) {
		all++
	}
	for stop := 1; stop <= all; stop += 7 {
		n := 0
		for _, err := range Diff(t.Context(), store, ae, store, be) {
			check(t, err)
			if n++; n == stop {
				break
			}
		}
		if n != stop {
			t.Fatalf("%d changes, want %d", n, stop)
		}
	}
}

func TestDiffReportsMissingNodes(t *testing.T) {
	store := newMemStore()
	f := newFiles(t, store, 24)
	a, b := f.flat(500), f.flat(500)
	_, ae := a.build(t, store)
	_, be := b.build(t, store)
	delete(store.chunks, be.Attr.Tree)
	var last error
	for _, err := range Diff(t.Context(), store, ae, store, be) {
		last = err
	}
	if !errors.Is(last, fs.ErrNotExist) || !strings.HasPrefix(last.Error(), "diff: ") {
		t.Errorf("diff ended with %v", last)
	}
}

func TestDiffHonoursItsContext(t *testing.T) {
	store := newMemStore()
	f := newFiles(t, store, 25)
	_, ae := f.flat(5).build(t, store)
	_, be := f.flat(5).build(t, store)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var last error
	for _, err := range Diff(ctx, store, ae, store, be) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("diff ended with %v", last)
	}
}
