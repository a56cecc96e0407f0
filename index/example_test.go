package index_test

import (
	"fmt"
	"log"
	"os"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// A pack is entered with all its chunks; then each one can be found, and a
// version's reference keeps it alive.
func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := index.Open(dir, index.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	w, err := packfile.NewWriter(packfile.WriterOptions{Class: packfile.ClassData})
	if err != nil {
		log.Fatal(err)
	}
	id := chunker.Sum([]byte("hello"))
	if err := w.Add(id, chunker.Data, []byte("hello"), nil); err != nil {
		log.Fatal(err)
	}
	sealed, err := w.Seal()
	if err != nil {
		log.Fatal(err)
	}

	b, err := db.NewBatch()
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	if err := b.AddPack(sealed.Index, nil); err != nil { // data depends on nothing
		log.Fatal(err)
	}
	b.AddRef(id, 1)
	if err := b.Commit(); err != nil {
		log.Fatal(err)
	}

	loc, ok, err := db.Lookup(id)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ok, loc.Length, "bytes in pack", loc.Pack, "with", loc.Refs, "reference")
	// Output:
	// true 5 bytes in pack 0 with 1 reference
}
