package engine

import (
	"testing"

	"github.com/artifortress/afs-engine/chunker"
)

// Slots have a third of the cache's size, and during bulk reads what the cache has
// left of it: both together never have more than the cache and a third.
func TestSlotsHaveWhatTheCacheLeavesWhileBulkReadsAreUnderWay(t *testing.T) {
	const cache = 90 << 20
	r := newReader(nil, nil, cache)
	defer r.close()
	rooms := map[string]int64{"before": r.slotsRoom()}
	fill := func(bytes int) {
		r.frames.Set(frameID{Frame: uint32(bytes)}, newFrame(make([]byte, bytes)))
		r.frames.CleanUp() // which counts what was set
	}

	r.bulks.Add(1)
	rooms["empty"] = r.slotsRoom()
	fill(40 << 20)
	rooms["partly"] = r.slotsRoom()
	fill(30 << 20)
	rooms["nearly full"] = r.slotsRoom()
	// A read of nothing is a bulk read too, not the last one.
	if err := r.Chunks(t.Context(), chunker.Data, nil, 1, nil); err != nil {
		t.Fatal(err)
	}
	if r.bulks.Load() != 1 {
		t.Errorf("%d bulk reads are under way", r.bulks.Load())
	}
	r.bulks.Add(-1)
	rooms["after"] = r.slotsRoom()

	for when, want := range map[string]int64{"before": cache / 3, "empty": cache, "partly": 50 << 20, "nearly full": cache / 3, "after": cache / 3} {
		if got := rooms[when]; got > want || got < want-1<<20 { // frames take a little more than their bytes
			t.Errorf("%s: room for %d bytes, want %d", when, got, want)
		}
	}

	// What was used of the room is given back at the end.
	r.bulks.Add(1)
	x, err := r.slots.take(t.Context(), frameID{}, func(func(int) []byte) ([]byte, error) { return make([]byte, 40<<20), nil })
	if err != nil {
		t.Fatal(err)
	}
	r.slots.give(x)
	if r.slots.held != 40<<20 {
		t.Errorf("%d bytes are kept while there is room", r.slots.held)
	}
	r.bulks.Add(-1)
	if err := r.Chunks(t.Context(), chunker.Data, nil, 1, nil); err != nil || r.slots.held != 0 {
		t.Errorf("%d bytes are kept when there is no room any more, %v", r.slots.held, err)
	}
}
