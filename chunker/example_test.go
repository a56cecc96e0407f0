package chunker_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"strings"

	"github.com/artifortress/afs-engine/chunker"
)

// Two versions of a text share the chunks that the edit did not touch.
func Example() {
	s, err := chunker.NewSplitter(chunker.Params{Min: 64, Avg: 128, Max: 512})
	if err != nil {
		log.Fatal(err)
	}
	ids := func(text string) (all []chunker.ID) {
		s.Reset(strings.NewReader(text))
		for {
			b, err := s.Next()
			if errors.Is(err, io.EOF) {
				return all
			}
			if err != nil {
				log.Fatal(err)
			}
			all = append(all, chunker.Sum(b))
		}
	}

	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "line %d: %d\n", i, i*i*i)
	}
	before := map[chunker.ID]bool{}
	for _, id := range ids(b.String()) {
		before[id] = true
	}
	changed := 0
	for _, id := range ids(strings.Replace(b.String(), "line 100:", "line one hundred:", 1)) {
		if !before[id] {
			changed++
		}
	}
	fmt.Println(changed, "of", len(before), "chunks changed")
	// Output:
	// 4 of 257 chunks changed
}
