package unpack_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/unpack"
)

// chunks is a store of a few chunks.
type chunks map[chunker.ID][]byte

func (c chunks) PutNode(_ context.Context, kind chunker.Kind, b []byte, _ []chunker.ID) (chunker.ID, error) {
	id := kind.Sum(b)
	c[id] = append([]byte(nil), b...)
	return id, nil
}

func (c chunks) Chunk(_ context.Context, _ chunker.Kind, id chunker.ID) ([]byte, error) {
	return c[id], nil
}

func Example() {
	ctx := context.Background()
	store := chunks{}
	text := []byte("hello\n")
	store[chunker.Sum(text)] = text

	b := manifest.NewBuilder(store)
	attr := manifest.Attr{Mode: 0o755, MTime: time.Unix(1e9, 0)}
	_ = b.Enter(ctx, manifest.Entry{Kind: manifest.Dir, Attr: attr})
	_ = b.Add(ctx, manifest.Entry{
		Name: "greeting", Kind: manifest.File, Exec: true, Size: int64(len(text)), Attr: attr,
		Content: manifest.Content{Segments: []manifest.Segment{{ID: chunker.Sum(text), Length: int64(len(text))}}},
	})
	_ = b.Leave(ctx)
	_, root, err := b.Root()
	if err != nil {
		log.Fatal(err)
	}

	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	dest := filepath.Join(dir, "out")
	res, err := unpack.Tree(ctx, store, root, dest, unpack.Options{
		Report: func(action, path string) { fmt.Println(action, path) },
	})
	if err != nil {
		log.Fatal(err)
	}
	got, _ := os.ReadFile(filepath.Join(dest, "greeting"))
	fmt.Printf("%d file: %s", res.Files, got)
	// Output:
	// create .
	// create greeting
	// 1 file: hello
}
