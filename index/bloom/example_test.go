package bloom_test

import (
	"fmt"

	"github.com/artifortress/afs-engine/index/bloom"
)

// The owner keeps the keys and lists those of a part that has no more room.
func Example() {
	var f bloom.Filter
	stored := []uint64{}
	for _, key := range []uint64{0x0123456789abcdef, 0x0fedcba987654321} {
		n := bloom.PartOf(key)
		if !f.Room(n, 1) {
			err := f.Grow(n, 1, func(yield func(uint64)) error {
				for _, k := range stored {
					if bloom.PartOf(k) == n {
						yield(k)
					}
				}
				return nil
			})
			if err != nil {
				panic(err)
			}
		}
		f.Add(key)
		stored = append(stored, key)
	}
	fmt.Println(f.Has(0x0123456789abcdef), f.Has(0x0fedcba987654321), f.Has(0x1111111111111111))
	// Output:
	// true true false
}
