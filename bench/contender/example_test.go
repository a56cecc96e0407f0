package contender_test

import (
	"fmt"

	"github.com/artifortress/afs-engine/bench/contender"
)

func Example() {
	chosen, err := contender.Named([]string{"tar+zstd"})
	if err != nil {
		panic(err)
	}
	fmt.Println(chosen[0].Ingest)
	// Output: tar -I 'zstd -3 -T0 --long=27' -C {src} -cf {store}/{release}.tar.zst .
}
