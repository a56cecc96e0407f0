package chunker_test

import (
	"testing"

	"github.com/artifortress/afs-engine/chunker"
)

func TestZeroSeesEveryByte(t *testing.T) {
	room := make([]byte, 400)
	for n := range 300 {
		data := room[n%64:][:n]
		if !chunker.Zero(data) {
			t.Fatalf("%d zeros are not", n)
		}
		for i := range data {
			data[i] = byte(i) | 1
			if chunker.Zero(data) {
				t.Fatalf("%d bytes of which %d is not zero are", n, i)
			}
			data[i] = 0
		}
	}
	for i := range room {
		room[i] = 7
	}
	if chunker.Zero(room) {
		t.Fatal("sevens are zero")
	}
}
