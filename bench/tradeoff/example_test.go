package tradeoff_test

import (
	"fmt"

	"github.com/artifortress/afs-engine/bench/tradeoff"
)

// Choices are measured in this order, a store each.
func ExampleGrid() {
	for _, c := range tradeoff.Grid([]int{4 << 10, 8 << 10}, []int{64 << 10, 1 << 20}, []int{1}) {
		fmt.Println(c)
	}
	// Output:
	// chunks of 4 KiB, frames of 64 KiB, fastest
	// chunks of 4 KiB, frames of 1 MiB, fastest
	// chunks of 8 KiB, frames of 64 KiB, fastest
	// chunks of 8 KiB, frames of 1 MiB, fastest
}
