package engine_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"

	"github.com/artifortress/afs-engine/backends/localfs"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/source"
)

// newStore makes a store in a directory and opens it. With a RuntimeDir, other
// processes, and other engines of this one, may have it open, too.
func newStore(ctx context.Context, work string) *engine.Local {
	dir := filepath.Join(work, "store")
	must(localfs.Create(dir))
	store, err := localfs.Open(dir, localfs.Options{})
	must(err)
	_, err = engine.Create(ctx, store, engine.CreateOptions{})
	must(err)
	e, err := engine.Open(ctx, engine.Components{
		Store: store, IndexDir: filepath.Join(dir, "index"), RuntimeDir: filepath.Join(work, "run"),
	}, engine.Settings{})
	must(err)
	return e
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func tempDir() string {
	dir, err := os.MkdirTemp("", "afs")
	must(err)
	return dir
}

func ref(s string) registry.Ref {
	r, err := registry.ParseRef(s)
	must(err)
	return r
}

// A directory is published and read back as a file system.
func Example() {
	ctx := context.Background()
	work := tempDir()
	defer os.RemoveAll(work)
	e := newStore(ctx, work)
	defer e.Close()

	res, err := e.Ingest(ctx, engine.IngestRequest{Source: source.Dir("testdata/example", source.Options{}), Ref: ref("acme/app@1.0.0")})
	must(err)
	fmt.Println(res.State, res.Files, "files,", res.Bytes, "bytes")

	v, err := e.Version(ctx, ref("acme/app@latest"))
	must(err)
	b, err := fs.ReadFile(v.FS(ctx), "doc/greeting.txt")
	must(err)
	fmt.Printf("%s", b)
	// Output:
	// published 2 files, 29 bytes
	// hello from acme
}

// A draft takes in one thing after the other. Nobody sees it before it is
// published, and then all of it at once.
func ExampleLocal_Publish() {
	ctx := context.Background()
	work := tempDir()
	defer os.RemoveAll(work)
	e := newStore(ctx, work)
	defer e.Close()

	for _, part := range []string{"linux", "darwin"} {
		to := ref("acme/app@2.0.0")
		to.Path = part
		_, err := e.Ingest(ctx, engine.IngestRequest{Source: source.Dir("testdata/example", source.Options{}), Ref: to, Draft: true})
		must(err)
	}
	_, err := e.Version(ctx, ref("acme/app@2.0.0"))
	fmt.Println("before:", engine.KindOf(err))

	res, err := e.Publish(ctx, ref("acme/app@2.0.0"), engine.PublishOptions{Tags: []string{"stable"}})
	must(err)
	fmt.Println(res.State, res.Files, "files")

	for name, err := range e.Versions(ctx, ref("acme/app@2.0.0")) {
		must(err)
		fmt.Println(name.Path)
	}
	// Output:
	// before: not-found
	// published 4 files
	// acme/app@2.0.0
	// acme/app@latest
	// acme/app@stable
}

// Two engines have one store open, as two processes could: what one publishes
// the other sees.
func ExampleOpen_shared() {
	ctx := context.Background()
	work := tempDir()
	defer os.RemoveAll(work)
	first := newStore(ctx, work)
	defer first.Close()

	dir := filepath.Join(work, "store")
	store, err := localfs.Open(dir, localfs.Options{})
	must(err)
	second, err := engine.Open(ctx, engine.Components{
		Store: store, IndexDir: filepath.Join(dir, "index"), RuntimeDir: filepath.Join(work, "run"),
	}, engine.Settings{})
	must(err)
	defer second.Close()

	_, err = second.Ingest(ctx, engine.IngestRequest{Source: source.Dir("testdata/example", source.Options{}), Ref: ref("acme/app@1.0.0")})
	must(err)
	v, err := first.Version(ctx, ref("acme/app@1.0.0"))
	must(err)
	fmt.Println(v.Ref, v.Summary.Files, "files")
	// Output:
	// acme/app@1.0.0 2 files
}

// Files are read from anywhere, without reading what comes before.
func ExampleVersion_FS() {
	ctx := context.Background()
	work := tempDir()
	defer os.RemoveAll(work)
	e := newStore(ctx, work)
	defer e.Close()
	_, err := e.Ingest(ctx, engine.IngestRequest{Source: source.Dir("testdata/example", source.Options{}), Ref: ref("acme/app@1.0.0")})
	must(err)

	v, err := e.Version(ctx, ref("acme/app@1.0.0"))
	must(err)
	f, err := v.FS(ctx).Open("doc/greeting.txt")
	must(err)
	defer f.Close()
	b := make([]byte, 4)
	_, err = f.(io.ReaderAt).ReadAt(b, 11)
	must(err)
	fmt.Printf("%s\n", b)
	// Output:
	// acme
}
