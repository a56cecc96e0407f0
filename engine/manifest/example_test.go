package manifest_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// store keeps chunks in a map.
type store map[chunker.ID][]byte

func (s store) PutNode(_ context.Context, kind chunker.Kind, data []byte, _ []chunker.ID) (chunker.ID, error) {
	id := kind.Sum(data)
	s[id] = append([]byte(nil), data...)
	return id, nil
}

func (s store) Chunk(_ context.Context, _ chunker.Kind, id chunker.ID) ([]byte, error) {
	return s[id], nil
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// A version is written as a walk goes, and read by its two ids.
func Example() {
	ctx, s := context.Background(), store{}
	text := []byte("hello\n")
	id := chunker.Sum(text)
	s[id] = text

	list := manifest.NewListBuilder(s)
	check(list.Add(ctx, manifest.Segment{ID: id, Length: int64(len(text))}))
	content, size, err := list.Finish(ctx)
	check(err)

	attr := manifest.Attr{Mode: 0o755, MTime: time.Unix(1_700_000_000, 0)}
	b := manifest.NewBuilder(s)
	check(b.Enter(ctx, manifest.Entry{Attr: attr}))
	check(b.Enter(ctx, manifest.Entry{Name: "doc", Attr: attr}))
	check(b.Add(ctx, manifest.Entry{Name: "hello.txt", Kind: manifest.File, Size: size, Content: content, Attr: attr}))
	check(b.Add(ctx, manifest.Entry{Name: "readme", Kind: manifest.Symlink, Target: "hello.txt", Attr: attr}))
	check(b.Leave(ctx))
	check(b.Leave(ctx))
	root, _, err := b.Root()
	check(err)
	fmt.Println("content", root.Content.String()[:16])

	top, err := manifest.RootEntry(ctx, s, root)
	check(err)
	fmt.Println("files", top.Summary.Files, "bytes", top.Summary.Bytes)
	check(manifest.Walk(ctx, s, top, func(path string, e manifest.Entry) error {
		fmt.Printf("%-7s %q\n", e.Kind, path)
		return nil
	}))
	file, err := manifest.Resolve(ctx, s, top, "doc/hello.txt")
	check(err)
	r, err := manifest.OpenFile(ctx, s, file)
	check(err)
	_, err = r.WriteTo(os.Stdout)
	check(err)
	// Output:
	// content 512f9e5476402fad
	// files 2 bytes 15
	// dir     ""
	// dir     "doc"
	// file    "doc/hello.txt"
	// symlink "doc/readme"
	// hello
}
