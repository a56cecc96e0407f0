package engine

import (
	"testing"

	"github.com/artifortress/afs-engine/packfile"
)

// TestSpansShrinkTowardsTheEnd, so that workers end together. Each frame is in
// one span, and reads in the middle are as large as they may be.
func TestSpansShrinkTowardsTheEnd(t *testing.T) {
	const stored, workers = 60 << 10, 2
	frames := make([]wantedFrame, 100)
	for i := range frames {
		frames[i].Offset, frames[i].Stored = int64(i)*stored, stored
	}
	var q bulk
	spans := q.spans(frames, spanMax, workers)
	var sizes []int64
	n := 0
	for _, s := range spans {
		if &s.frames[0] != &frames[n] {
			t.Fatalf("a span begins at %d, not with frame %d", s.frames[0].Offset, n)
		}
		n += len(s.frames)
		sizes = append(sizes, int64(len(s.frames))*stored)
	}
	if n != len(frames) {
		t.Errorf("%d of %d frames", n, len(frames))
	}
	left := int64(len(frames)) * stored
	for i, size := range sizes {
		most := min(spanMax, max(left/workers, spanMin))
		if size > most || size <= most-stored && size < left {
			t.Errorf("span %d has %d bytes, of %d left", i, size, left)
		}
		left -= size
	}
	if first, last := sizes[0], sizes[len(sizes)-1]; first <= spanMax-stored || last > spanMin {
		t.Errorf("from %d to %d bytes", first, last)
	}
}

// TestDeltasAreReadFirst, and within these and the others what was asked for first.
func TestDeltasAreReadFirst(t *testing.T) {
	q := bulk{deltas: true}
	frames := make([]wantedFrame, 6)
	for i := range frames {
		f := &frames[i]
		f.frameID.Pack, f.frameID.Frame = uint32(i), 0 // a span of its own
		f.Pack = packfile.ID{byte(i)}
		f.Stored, f.Codec = 100, packfile.CodecZstd
		f.chunks = []wanted{{i: len(frames) - i}}
	}
	frames[1].Codec, frames[4].Codec = packfile.CodecDelta, packfile.CodecDelta
	var order []byte
	for _, s := range q.spans(frames, spanMax, 2) {
		order = append(order, s.pack[0])
	}
	if string(order) != "\x04\x01\x05\x03\x02\x00" {
		t.Errorf("spans of packs %v", order)
	}
}
