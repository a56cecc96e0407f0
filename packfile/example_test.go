package packfile_test

import (
	"context"
	"fmt"
	"log"

	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile"
)

// Chunks go into a pack, the pack into a store; the index says which frame to
// read to get a chunk back.
func Example() {
	ctx := context.Background()
	store := mem.New()

	w, err := packfile.NewWriter(packfile.WriterOptions{Class: packfile.ClassData})
	if err != nil {
		log.Fatal(err)
	}
	defer w.Abort()
	for _, s := range []string{"hello, ", "world"} {
		if err := w.Add(chunker.Sum([]byte(s)), chunker.Data, []byte(s), nil); err != nil {
			log.Fatal(err)
		}
	}
	sealed, err := w.Seal()
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Put(ctx, sealed.Key(), sealed.Body()); err != nil {
		log.Fatal(err)
	}

	index, err := packfile.ReadIndex(ctx, store, sealed.Index.ID, -1)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range index.Entries {
		frame, err := packfile.ReadFrame(ctx, store, index.ID, index.Frames[e.Frame], nil, nil)
		if err != nil {
			log.Fatal(err)
		}
		chunk := frame[e.Offset : e.Offset+e.Length]
		fmt.Printf("%q %v\n", chunk, chunker.Sum(chunk) == e.ID)
	}
	// Output:
	// "hello, " true
	// "world" true
}
