package manifest

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// FuzzNode: what decodes, encodes to the same bytes; what does not is
// malformed; and the dependencies can be listed of whatever decodes.
func FuzzNode(f *testing.F) {
	store := allKinds(f)
	for id := range store.nodes(chunker.Data) {
		f.Add(store.chunks[id])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		nodes, chunks, depsErr := Deps(data)
		again, err := decode(data)
		if err != nil {
			if !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("an error that is not ErrMalformed: %v", err)
			}
			return
		}
		if !bytes.Equal(again, data) {
			t.Fatalf("%x encodes to %x", data, again)
		}
		if depsErr != nil || (len(nodes)+len(chunks))*chunker.IDSize > len(data) {
			t.Fatalf("dependencies: %v", depsErr)
		}
		if _, err := NodeKind(data); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzTree reads trees of which every page of a kind is the same, through all
// that reads trees: nothing panics or runs for ever.
func FuzzTree(f *testing.F) {
	id := []chunker.ID{{1}}
	f.Add(fileLeaf("a", "b"), attrsLeaf("", "a", "b"), raw(chunker.ListNode, 0, 0, 1, 2, "\x02\x03"))
	f.Add(inner(chunker.DirNode, 1, append(id, id...), under("a", 1, 0, 1, 0), under("b", 1, 0, 1, 0)),
		inner(chunker.AttrsNode, 1, append(id, id...), under("a"), under("b")),
		inner(chunker.ListNode, 1, append(id, id...), "\x64\x32", "\x64\x32"))
	f.Add(inner(chunker.DirNode, 0, append(id, id...), leaf("d", 1, 0, field(1, 2), field(7, 2, 1, 1, 40)), leaf("f", 1, 0, field(1, 1), field(4, 40), field(6, 20))),
		inner(chunker.AttrsNode, 0, id, leaf("", 0, 0, field(1, 0), field(2, 0, 0)), leaf("d", 1, 0, field(1, 0), field(2, 0, 0), field(3)), leaf("f", 0, 0, field(1, 0), field(2, 0, 0))),
		inner(chunker.ListNode, 0, nil, "\x03"))
	own := leaf("", 0, 0, field(1, 0), field(2, 0, 0))
	nested := func(value string) string {
		return leaf("d", 1, 0, field(1, 0), field(2, 0, 0), field(tagInline, []byte(value)...))
	}
	f.Add(inner(chunker.DirNode, 0, id, leaf("d", 1, 0, field(1, 2), field(7, 1, 1, 0, 0))),
		inner(chunker.AttrsNode, 0, id, own, nested(inline(1, 0, 1, nested(inline(1, 0, 1, leaf("d", 1, 0, field(1, 0), field(2, 0, 0), field(3))))))),
		inner(chunker.ListNode, 0, nil, "\x03"))
	f.Fuzz(func(t *testing.T, dir, attrs, list []byte) {
		src := cycle{chunker.DirNode: dir, chunker.AttrsNode: attrs, chunker.ListNode: list, chunker.Data: []byte("x")}
		root, err := RootEntry(t.Context(), src, Root{Content: chunker.ID{1}, Attrs: chunker.ID{1}})
		if err != nil {
			return
		}
		left := 50
		_ = Walk(t.Context(), src, root, func(path string, e Entry) error {
			if left--; left < 0 {
				return fs.SkipAll
			}
			if e.Kind != File {
				return nil
			}
			r, err := OpenFile(t.Context(), src, e)
			if err != nil {
				t.Fatal(err)
			}
			var buf [16]byte
			if n, err := r.ReadAt(buf[:], e.Size/2); err == nil && n != len(buf) || int64(n) > e.Size {
				t.Fatalf("ReadAt gave %d bytes, %v", n, err)
			}
			if e.Size < 1<<20 {
				if n, err := r.WriteTo(io.Discard); err == nil && n != e.Size {
					t.Fatalf("WriteTo gave %d bytes of %d", n, e.Size)
				}
			}
			return nil
		})
		other := root
		other.Tree, other.Attr.Tree, other.root = chunker.ID{2}, chunker.ID{2}, false
		for range Diff(t.Context(), src, root, src, other) {
			if left--; left < -100 {
				break
			}
		}
	})
}
