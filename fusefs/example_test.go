package fusefs_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"

	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/source"
	"github.com/artifortress/afs-engine/fusefs"
)

// A program shows a store as files. Where there is no FUSE it reads the same
// through a version's FS.
func ExampleMount() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "afs")
	must(err)
	defer os.RemoveAll(dir)
	store := mem.New()
	_, err = engine.Create(ctx, store, engine.CreateOptions{})
	must(err)
	e, err := engine.Open(ctx, engine.Components{Store: store, IndexDir: filepath.Join(dir, "index")}, engine.Settings{})
	must(err)
	defer e.Close()
	ref, err := registry.ParseRef("acme/app@1.0.0")
	must(err)
	_, err = e.Ingest(ctx, engine.IngestRequest{Source: source.Dir("testdata/example", source.Options{}), Ref: ref})
	must(err)

	mnt := filepath.Join(dir, "mnt")
	must(os.Mkdir(mnt, 0o755))
	files := os.DirFS(filepath.Join(mnt, "acme/app@1.0.0"))
	server, err := fusefs.Mount(mnt, e, fusefs.Options{StoreName: "releases"})
	if err == nil {
		defer server.Unmount()
	} else {
		v, err := e.Version(ctx, ref)
		must(err)
		files = v.FS(ctx)
	}
	b, err := fs.ReadFile(files, "greeting.txt")
	must(err)
	fmt.Printf("%s", b)
	// Output: hello from a mount
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func ExampleUnmount() {
	err := fusefs.Unmount(os.TempDir())
	fmt.Println(errors.Is(err, fusefs.ErrNotMounted))
	// Output: true
}
