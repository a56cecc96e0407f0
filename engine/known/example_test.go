package known_test

import (
	"fmt"
	"log"
	"os"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/known"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/source"
	"github.com/artifortress/afs-engine/index"
)

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
	cache, err := known.Open(db, time.Now)
	if err != nil {
		log.Fatal(err)
	}

	touched := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	id := source.Identity{Path: "/srv/app/README", Ino: 12, Size: 6, MTime: touched, CTime: touched}
	data := []byte("hello\n")
	file := known.File{Size: 6, Chunks: 1, Content: manifest.Content{Segments: []manifest.Segment{{ID: chunker.Sum(data), Length: 6}}}}
	if err := cache.Add(id, file, touched.Add(time.Minute)); err != nil {
		log.Fatal(err)
	}
	if err := cache.Flush(); err != nil {
		log.Fatal(err)
	}

	_, ok, err := cache.Find(id, known.Stat)
	fmt.Println("as it was:", ok, err)
	id.CTime = touched.Add(time.Hour)
	_, ok, err = cache.Find(id, known.Stat)
	fmt.Println("touched since:", ok, err)
	// Output:
	// as it was: true <nil>
	// touched since: false <nil>
}
