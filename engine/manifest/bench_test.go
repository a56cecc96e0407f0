package manifest

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
)

const benchEntries = 20_000

// benchDir is a directory of many files, and the entries it has.
func benchDir(b *testing.B) (*memStore, Entry, []Entry) {
	store := newMemStore()
	_, root := newFiles(b, store, 1).flat(benchEntries).build(b, store)
	var entries []Entry
	for e, err := range must[*Directory](b)(OpenDir(store, root)).List(context.Background(), "") {
		check(b, err)
		entries = append(entries, e)
	}
	return store, root, entries
}

// countingSink names nodes and forgets them.
type countingSink struct{ nodes, bytes int }

func (s *countingSink) PutNode(_ context.Context, kind chunker.Kind, data []byte, _ []chunker.ID) (chunker.ID, error) {
	s.nodes++
	s.bytes += len(data)
	return kind.Sum(data), nil
}

// BenchmarkBuild makes a directory's nodes, beside one object of the same
// entries as git writes it: mode, name, NUL, id, named by its hash. That has
// neither sizes nor pages.
func BenchmarkBuild(b *testing.B) {
	_, root, entries := benchDir(b)
	perEntry := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchEntries), "ns/entry")
	}
	b.Run("tree", func(b *testing.B) {
		ctx := context.Background()
		var sink countingSink
		b.ReportAllocs()
		for b.Loop() {
			w := NewBuilder(&sink)
			check(b, w.Enter(ctx, root))
			for _, e := range entries {
				check(b, w.Add(ctx, e))
			}
			check(b, w.Leave(ctx))
		}
		perEntry(b)
		b.ReportMetric(float64(sink.bytes)/float64(sink.nodes), "bytes/node")
	})
	b.Run("flat", func(b *testing.B) {
		var object []byte
		b.ReportAllocs()
		for b.Loop() {
			object = flat(object[:0], entries)
			chunker.DirNode.Sum(object)
		}
		perEntry(b)
	})
}

// flat appends entries as git's tree objects have them.
func flat(to []byte, entries []Entry) []byte {
	for _, e := range entries {
		to = append(append(append(to, "100644 "...), e.Name...), 0)
		to = append(to, e.Content.List[:]...)
	}
	return to
}

// BenchmarkLookup finds names in a directory, beside the walk through one flat
// object that finding them there takes.
func BenchmarkLookup(b *testing.B) {
	store, root, entries := benchDir(b)
	name := func(i int) string { return entries[i*7919%len(entries)].Name }
	b.Run("tree", func(b *testing.B) {
		ctx := context.Background()
		dir := must[*Directory](b)(OpenDir(store, root))
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			must[Entry](b)(dir.Lookup(ctx, name(i)))
		}
	})
	b.Run("flat", func(b *testing.B) {
		object := flat(nil, entries)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			want, rest := name(i), object
			for {
				head, tail, ok := bytes.Cut(rest, []byte{0})
				if !ok {
					b.Fatal(want)
				}
				if string(head[len("100644 "):]) == want {
					break
				}
				rest = tail[len(chunker.ID{}):]
			}
		}
	})
}

func BenchmarkList(b *testing.B) {
	store, root, _ := benchDir(b)
	ctx := context.Background()
	dir := must[*Directory](b)(OpenDir(store, root))
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		n := 0
		for _, err := range dir.List(ctx, "") {
			check(b, err)
			n++
		}
		if n != benchEntries {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchEntries), "ns/entry")
}

func BenchmarkReadAt(b *testing.B) {
	store := newMemStore()
	store.blind = true
	id := store.put(chunker.Data, make([]byte, 1000))
	l := NewListBuilder(store)
	segs := distinct(100_000)
	for i := range segs {
		segs[i] = Segment{ID: id, Length: 1000}
	}
	c, size := addAll(b, l, segs)
	r := must[*Reader](b)(OpenFile(context.Background(), store, Entry{Kind: File, Size: size, Content: c}))
	for _, stride := range []int64{1 << 10, 77_777_777} {
		b.Run(fmt.Sprintf("stride=%d", stride), func(b *testing.B) {
			b.ReportAllocs()
			buf := make([]byte, 1<<10)
			for i := range b.N {
				must[int](b)(r.ReadAt(buf, int64(i)*stride%(size-1<<10)))
			}
		})
	}
}
