package corpus_test

import (
	"fmt"

	"github.com/artifortress/afs-engine/bench/corpus"
)

func Example() {
	for _, s := range corpus.All() {
		fmt.Println(s.Name)
	}
	// Output:
	// toolchains
	// text
	// typescript
	// binaries
	// zips
	// synthetic
}
