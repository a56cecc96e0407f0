package engine_test

import (
	"context"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"

	"github.com/artifortress/afs-engine/backends/localfs"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/source"
)

// A directory is published and read back as a file system.
func Example() {
	ctx := context.Background()
	work, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(work)
	build := filepath.Join(work, "build")
	if err := os.CopyFS(build, os.DirFS("testdata/example")); err != nil {
		log.Fatal(err)
	}

	dir := filepath.Join(work, "store")
	if err := localfs.Create(dir); err != nil {
		log.Fatal(err)
	}
	store, err := localfs.Open(dir, localfs.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := engine.Create(ctx, store, engine.CreateOptions{}); err != nil {
		log.Fatal(err)
	}
	e, err := engine.Open(ctx, engine.Components{Store: store, IndexDir: filepath.Join(dir, "index")}, engine.Settings{})
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close()

	ref, err := registry.ParseRef("acme/app@1.0.0")
	if err != nil {
		log.Fatal(err)
	}
	res, err := e.Ingest(ctx, engine.IngestRequest{Source: source.Dir(build, source.Options{}), Ref: ref})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(res.State, res.Files, "files,", res.Bytes, "bytes")

	v, err := e.Version(ctx, ref)
	if err != nil {
		log.Fatal(err)
	}
	b, err := fs.ReadFile(v.FS(ctx), "doc/greeting.txt")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", b)
	// Output:
	// published 2 files, 29 bytes
	// hello from acme
}
