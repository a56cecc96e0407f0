package bench

import "testing"

func TestFreeMemoryIsKnown(t *testing.T) {
	if n := freeMemory(); n < 1<<20 {
		t.Errorf("%d bytes are free", n)
	}
	touch(1 << 20)
	touch(0)
}
