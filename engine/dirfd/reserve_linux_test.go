package dirfd

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// TestReserveMakesRoomAndKeepsNone of it.
func TestReserveMakesRoomAndKeepsNone(t *testing.T) {
	room := func() (n int) {
		b, err := os.ReadFile("/proc/self/status")
		must(t, err)
		_, rest, _ := strings.Cut(string(b), "FDSize:")
		_, err = fmt.Sscan(rest, &n)
		must(t, err)
		return n
	}
	open := func() int {
		fds, err := os.ReadDir("/proc/self/fd")
		must(t, err)
		return len(fds)
	}
	before, want := open(), 2*room()
	Reserve(want)
	for end := time.Now().Add(10 * time.Second); room() < want || open() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("room for %d, want %d; %d descriptors, before %d", room(), want, open(), before)
		}
	}
}
