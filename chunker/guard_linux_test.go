package chunker_test

import (
	"os"
	"runtime/debug"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/artifortress/afs-engine/chunker"
)

// Before and after the data lie pages that may not be read: one byte beyond a
// slice is a fault.
func guarded(t *testing.T) []byte {
	page := os.Getpagesize()
	pages := max(2, 8192/page)
	mapped, err := unix.Mmap(-1, 0, (pages+2)*page, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(mapped) })
	room := mapped[page : page+pages*page]
	if err := unix.Mprotect(room, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		t.Fatal(err)
	}
	copy(room, randomBytes(20, len(room)))
	return room
}

func TestSumAllReadsNothingBeyondItsData(t *testing.T) {
	room := guarded(t)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	for n := range len(room) {
		checkSums(t, [][]byte{room[len(room)-n:], room[:n:n], room})
	}
}

func TestCutReadsNothingBeyondItsData(t *testing.T) {
	room := guarded(t)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	for _, p := range []chunker.Params{{Min: 64, Avg: 1 << 14, Max: 1 << 15}, {Min: 64, Avg: 500, Max: 1 << 12}} {
		for n := 0; n < min(3000, len(room)); n += stride(7) {
			for _, data := range [][]byte{room[len(room)-n:], room[:n:n]} {
				want := oracle(t, p, data)
				for name, find := range chunker.Searches() {
					func() {
						defer func() {
							if r := recover(); r != nil {
								t.Fatalf("%s, %d bytes: %v", name, n, r)
							}
						}()
						if got := cutAll(find, p, 2, data); !slices.Equal(got, want) {
							t.Fatalf("%s, %d bytes: %v, want %v", name, n, got, want)
						}
					}()
				}
			}
		}
	}
}
