package source_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/source"
)

// lister is a Visitor that prints names.
type lister struct{}

func (lister) Enter(e manifest.Entry) error   { fmt.Printf("enter %q\n", e.Name); return nil }
func (lister) Leave() error                   { fmt.Println("leave"); return nil }
func (lister) Symlink(e manifest.Entry) error { fmt.Println(e.Name, "->", e.Target); return nil }
func (lister) Stored(manifest.Entry) error    { return nil }
func (lister) Problem(r source.Report)        { fmt.Println(r.Path, r.Reason) }
func (lister) Skipped(r source.Report)        { fmt.Println(r.Path, r.Reason) }

func (lister) File(e manifest.Entry, _ source.Identity, body source.Body) error {
	body.Release()
	fmt.Println(e.Name, e.Size)
	return nil
}

func (lister) Content(string, io.Reader) (c manifest.Content, n int64, err error) { return }

func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	_ = os.Mkdir(filepath.Join(dir, "bin"), 0o755)
	_ = os.WriteFile(filepath.Join(dir, "bin", "tool"), []byte("#!"), 0o755)
	_ = os.Symlink("bin/tool", filepath.Join(dir, "tool"))

	if err := source.Dir(dir, source.Options{}).Walk(context.Background(), lister{}); err != nil {
		log.Fatal(err)
	}
	// Output:
	// enter ""
	// enter "bin"
	// tool 2
	// leave
	// tool -> bin/tool
	// leave
}
