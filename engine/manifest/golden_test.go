package manifest

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/chunker"
)

var update = flag.Bool("update", false, "write testdata anew")

// golden compares got with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		check(t, os.MkdirAll("testdata", 0o755))
		check(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want := string(must[[]byte](t)(os.ReadFile(path)))
	if got != want {
		t.Errorf("%s is not what the format says: the same content must have the same ids for ever\n got %s\nwant %s", name, got, want)
	}
}

// fixed is a small tree with one of everything. Nothing in it is random.
func fixed(t *testing.T, store *memStore) *tree {
	at := func(sec, nsec int64, mode uint32) Attr {
		return Attr{Mode: mode, MTime: time.Unix(sec, nsec).UTC()}
	}
	chunk := func(s string) Segment {
		return Segment{ID: store.put(chunker.Data, []byte(s)), Length: int64(len(s))}
	}
	file := func(exec bool, attr Attr, segs ...Segment) *tree {
		c, size := addAll(t, NewListBuilder(store), segs)
		return &tree{entry: Entry{Kind: File, Exec: exec, Size: size, Content: c, Attr: attr}}
	}
	var long []Segment
	for i := range 20 {
		long = append(long, chunk(fmt.Sprintf("chunk %d", i)))
	}
	long[10] = Segment{Length: 1 << 20}
	root, sub := newDir(at(1_700_000_000, 123_456_789, 0o755)), newDir(at(0, 0, 0o1777))
	sub.names["empty"] = newDir(at(-1, 999_999_999, 0o700))
	sub.names["tool"] = file(true, at(1, 0, 0o4755), chunk("#!/bin/sh\n"))
	root.names["\xff not UTF-8"] = file(false, at(2, 0, 0o600))
	root.names["holes"] = file(false, at(3, 0, 0o644), chunk("head"), Segment{Length: 4096}, chunk("tail"))
	root.names["link"] = &tree{entry: Entry{Kind: Symlink, Target: "sub/tool", Size: 8, Attr: at(4, 0, 0o777)}}
	root.names["long"] = file(false, at(5, 0, 0o644), long...)
	root.names["sub"] = sub
	stored := newDir(at(7, 0, 0o750)) // too large to stand in its parent
	stored.names["f"] = file(false, Attr{Mode: 0o640, Xattrs: []Xattr{{"user.x", strings.Repeat("x", InlineAttrs)}}})
	root.names["stored"] = stored
	root.names["later"] = file(false, at(6, 0, 0o644), chunk("now"))
	root.names["later"].entry.unknown = later(store)
	return root
}

func TestEncodingIsFixed(t *testing.T) {
	store := newMemStore()
	root, _ := fixed(t, store).build(t, store)
	var out strings.Builder
	fmt.Fprintf(&out, "content %s\nattrs   %s\n", root.Content, root.Attrs)
	delete(store.kinds, chunker.ListNode.Sum([]byte("a node of a kind to come")))
	var dumps []string
	for id := range store.nodes(chunker.Data) {
		dumps = append(dumps, fmt.Sprintf("\n%s %s\n%s", store.kinds[id], id, hex.Dump(store.chunks[id])))
	}
	slices.Sort(dumps)
	out.WriteString(strings.Join(dumps, ""))
	golden(t, "nodes.golden", out.String())
}

func TestPageBoundariesAreFixed(t *testing.T) {
	store := newMemStore()
	store.blind = true
	var out strings.Builder
	segs := distinct(100_000)
	for i := 7; i < len(segs); i += 11 {
		segs[i].ID = chunker.ID{}
	}
	list, size := addAll(t, NewListBuilder(store), segs)
	fmt.Fprintf(&out, "list of %d segments, %d bytes: %s\n", list.Count, size, list.List)
	for _, n := range []int{10, 100, 1000, 10_000, 30_000} {
		d := newDir(Attr{Mode: 0o755})
		for i := range n {
			d.names[fmt.Sprintf("%x", i*i)] = &tree{entry: Entry{Kind: Symlink, Target: fmt.Sprint(i), Attr: Attr{Mode: 0o777}}}
		}
		root, _ := d.build(t, store)
		fmt.Fprintf(&out, "directory of %d: %s %s\n", n, root.Content, root.Attrs)
	}
	golden(t, "roots.golden", out.String())
}

func TestPagesKeepToTheirBounds(t *testing.T) {
	store := newMemStore()
	f := newFiles(t, store, 50)
	f.flat(20_000).build(t, store)
	f.file(50_000)
	count, total := 0, 0
	for id := range store.nodes(chunker.Data) {
		n := len(store.chunks[id])
		count++
		total += n
		if n > pageMax+32 {
			t.Errorf("%s %s has %d bytes", store.kinds[id], id, n)
		}
	}
	if mean := total / count; mean < 6<<10 || mean > 12<<10 {
		t.Errorf("%d nodes of %d bytes on average", count, mean)
	}
}
