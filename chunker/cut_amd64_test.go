//go:build !purego

package chunker_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
)

func TestTheAssemblyIsTested(t *testing.T) {
	if chunker.Searches()["avx512"] != nil {
		return
	}
	if slices.Contains(strings.Split(os.Getenv("AFS_TEST_REQUIRE"), ","), "avx512") {
		t.Fatal("this processor has no AVX-512 VBMI")
	}
	t.Skip("this processor has no AVX-512 VBMI: the assembly is not tested")
}

func TestLanesComeInTheOrderOfTheData(t *testing.T) {
	for q := range 4 {
		for r := range 8 {
			lane, seg := uint32(1)<<(8*q+r), uint32(1)<<(4*r+q)
			if got := chunker.Segments(lane); got != seg {
				t.Errorf("lane %d·8+%d is segment mask %#x, want %#x", q, r, got, seg)
			}
			if got := chunker.Segments(^lane); got != ^seg {
				t.Errorf("all lanes but %d·8+%d are segment mask %#x, want %#x", q, r, got, ^seg)
			}
		}
	}
}
