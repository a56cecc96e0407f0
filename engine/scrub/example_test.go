package scrub_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/scrub"
	"github.com/artifortress/afs-engine/engine/source"
	"github.com/artifortress/afs-engine/packfile"
)

// A pack is lost, and the scrub says what is lost with it.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	store := mem.New()
	if _, err := engine.Create(ctx, store, engine.CreateOptions{}); err != nil {
		log.Fatal(err)
	}
	e, err := engine.Open(ctx, engine.Components{Store: store, IndexDir: dir}, engine.Settings{})
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close()
	for _, text := range []string{"a.txt", "b.txt"} {
		ref, err := registry.ParseRef("acme/app@" + text[:1])
		if err != nil {
			log.Fatal(err)
		}
		_, err = e.Ingest(ctx, engine.IngestRequest{Source: source.Raw(strings.NewReader(text), text, source.Options{}), Ref: ref})
		if err != nil {
			log.Fatal(err)
		}
	}

	for info, err := range store.List(ctx, packfile.Prefix) {
		if err != nil {
			log.Fatal(err)
		}
		id, err := packfile.ParseKey(info.Key)
		if err != nil {
			log.Fatal(err)
		}
		x, err := packfile.ReadIndex(ctx, store, id, info.Size)
		if err != nil {
			log.Fatal(err)
		}
		if x.Class == packfile.ClassData {
			if err := store.Delete(ctx, info.Key); err != nil {
				log.Fatal(err)
			}
		}
	}
	res, err := e.Verify(ctx, scrub.Options{}, func(p scrub.Problem) {
		for _, a := range p.Affected {
			fmt.Println("lost:", a.Ref, a.Path)
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(res.Versions, "versions,", res.Problems, "problems")
	// Unordered output:
	// lost: acme/app@a a.txt
	// lost: acme/app@b b.txt
	// 2 versions, 2 problems
}
