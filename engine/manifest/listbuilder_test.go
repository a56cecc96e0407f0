package manifest

import (
	"errors"
	"math"
	"reflect"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
)

// addAll builds a chunk list.
func addAll(t testing.TB, b *ListBuilder, segs []Segment) (Content, int64) {
	t.Helper()
	for _, s := range segs {
		check(t, b.Add(t.Context(), s))
	}
	c, size, err := b.Finish(t.Context())
	check(t, err)
	return c, size
}

// distinct returns n chunks of 1 to 40 bytes with ids of their own, not stored.
func distinct(n int) []Segment {
	segs := make([]Segment, n)
	for i := range segs {
		segs[i] = Segment{ID: chunker.Sum([]byte{byte(i), byte(i >> 8), byte(i >> 16)}), Length: 1 + int64(i)%40}
	}
	return segs
}

func sum(segs []Segment) (n int64) {
	for _, s := range segs {
		n += s.Length
	}
	return n
}

func collect(t testing.TB, src Source, c Content, from int64) (xs []Extent) {
	t.Helper()
	for x, err := range Segments(t.Context(), src, c, from) {
		check(t, err)
		xs = append(xs, x)
	}
	return xs
}

func TestListsReadBackFromAnyOffset(t *testing.T) {
	store := newMemStore()
	store.blind = true
	b := NewListBuilder(store)
	for _, n := range []int{0, 1, InlineSegments, InlineSegments + 1, 100, 400, 10_000, 50_000} {
		segs := distinct(n)
		for i := 5; i < n; i += 9 {
			segs[i].ID = chunker.ID{}
		}
		c, size := addAll(t, b, segs)
		if size != sum(segs) || (n > InlineSegments) == c.List.IsZero() || c.List.IsZero() != (c.Count == 0) {
			t.Fatalf("%d segments: size %d, content %+v", n, size, c)
		}
		var want []Extent
		at := int64(0)
		for _, s := range segs {
			want = append(want, Extent{at, s})
			at += s.Length
		}
		for i := 0; i <= n; i += max(n/30, 1) {
			from := size
			if i < n {
				from = want[i].Offset + want[i].Length - 1
			}
			var tail []Extent
			for x, err := range Segments(t.Context(), store, c, from) {
				check(t, err)
				if tail = append(tail, x); len(tail) == 300 {
					break
				}
			}
			if w := want[i:min(i+300, n)]; len(w)+len(tail) > 0 && !reflect.DeepEqual(tail, w) {
				t.Fatalf("%d segments from %d: got %d extents, want %d", n, from, len(tail), len(w))
			}
		}
		if xs := collect(t, store, c, 0); len(xs) != n {
			t.Errorf("got %d segments, want %d", len(xs), n)
		}
		if xs := collect(t, store, c, size+1); len(xs) != 0 {
			t.Errorf("got %d segments beyond the end", len(xs))
		}
	}
}

func TestRunsOfZerosAreMerged(t *testing.T) {
	store := newMemStore()
	store.blind = true
	b := NewListBuilder(store)
	var pieces, whole []Segment
	for i, s := range distinct(400) {
		pieces, whole = append(pieces, s), append(whole, s)
		for range i % 4 {
			pieces = append(pieces, Segment{Length: 10})
		}
		if i%4 > 0 {
			whole = append(whole, Segment{Length: 10 * int64(i%4)})
		}
	}
	a, _ := addAll(t, b, pieces)
	c, _ := addAll(t, b, whole)
	if !reflect.DeepEqual(a, c) {
		t.Errorf("in pieces %+v, whole %+v", a, c)
	}
	one, size := addAll(t, b, []Segment{{Length: 1 << 40}, {Length: 1 << 41}})
	if len(one.Segments) != 1 || size != 3<<40 {
		t.Errorf("two runs of zeros became %+v of %d bytes", one, size)
	}
}

func TestInsertingIntoAListRewritesItsSurroundings(t *testing.T) {
	store := newMemStore()
	store.blind = true
	b := NewListBuilder(store)
	segs := distinct(100_000)
	addAll(t, b, segs)
	before := store.nodes(chunker.ListNode)
	addAll(t, b, append(append(segs[:50_000:50_000], Segment{ID: chunker.ID{9}, Length: 9}), segs[50_000:]...))
	if n := missing(store.nodes(chunker.ListNode), before); n < 2 || n > 7 {
		t.Errorf("wrote %d nodes of %d", n, len(before))
	}
}

func TestListBuilderRefusesImpossibleSegments(t *testing.T) {
	b := NewListBuilder(newMemStore())
	for _, s := range []Segment{
		{Length: 0}, {Length: -1}, {ID: chunker.ID{1}}, {ID: chunker.ID{1}, Length: chunker.MaxSize + 1},
	} {
		if err := b.Add(t.Context(), s); !errors.Is(err, ErrEntry) {
			t.Errorf("%+v: error %v", s, err)
		}
	}
	check(t, b.Add(t.Context(), Segment{Length: math.MaxInt64 - 1}))
	if err := b.Add(t.Context(), Segment{Length: 2}); !errors.Is(err, ErrEntry) {
		t.Errorf("more than an int64: %v", err)
	}
	_, size, err := b.Finish(t.Context())
	check(t, err)
	if size != math.MaxInt64-1 {
		t.Errorf("size %d after refused segments", size)
	}
}

func TestResetForgetsTheFile(t *testing.T) {
	store := newMemStore()
	store.blind = true
	b := NewListBuilder(store)
	want, _ := addAll(t, b, distinct(500))
	for _, n := range []int{1, 17, 300} {
		for _, s := range distinct(1000)[1000-n:] {
			check(t, b.Add(t.Context(), s))
		}
		b.Reset()
		if got, _ := addAll(t, b, distinct(500)); !reflect.DeepEqual(got, want) {
			t.Errorf("after %d segments and Reset: %+v, want %+v", n, got, want)
		}
	}
}
