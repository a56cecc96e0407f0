package zstdenc_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/artifortress/afs-engine/packfile/zstdenc"
)

// Before and after the data lie pages that may not be read: one byte beyond a
// slice is a fault.
func TestNothingBeyondTheDataIsRead(t *testing.T) {
	page := os.Getpagesize()
	room := (300_000 + page - 1) / page * page
	mapped, err := unix.Mmap(-1, 0, room+2*page, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(mapped) })
	data := mapped[page : page+room]
	if err := unix.Mprotect(data, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		t.Fatal(err)
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	d, r := newDecoder(t), rand.New(rand.NewPCG(11, 12))
	contents := map[string][]byte{"zeros": make([]byte, room), "words": words(r, room), "mixture": mixture(r, room), "period of 5": bytes.Repeat([]byte("abcde"), room/5+1)[:room]}
	for k := range 14 { // the first copy is of what stands k bytes from the beginning
		again := random(r, 24)
		content := slices.Concat(random(r, k), again, random(r, 10+k%3), again)
		contents[fmt.Sprintf("a copy from %d on", k)] = append(content, random(r, room-len(content))...)
	}
	for what, content := range contents {
		copy(data, content)
		for name, e := range zstdenc.Encoders() {
			for _, n := range []int{1, 16, 47, 48, 49, 52, 56, 64, 70, 100, 1000, 4097, 128<<10 - 1, 128 << 10, 128<<10 + 1, 128<<10 + 47, 128<<10 + 49, 200_000, room} {
				for _, part := range [][]byte{data[:n:n], data[room-n:]} {
					func() {
						defer func() {
							if r := recover(); r != nil {
								t.Fatalf("%s, %s, %d bytes: %v", what, name, n, r)
							}
						}()
						check(t, d, e, part)
					}()
				}
			}
		}
	}
}
