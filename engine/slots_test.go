package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

func roomFor(n int64) func() int64 { return func() int64 { return n } }

// slotBytes is what the frame n holds in these tests.
func slotBytes(n uint32, buf []byte) []byte {
	return append(buf[:0], []byte(fmt.Sprintf("%01000d", n))...)
}

func TestSlotsReadEachFrameOnce(t *testing.T) {
	s := newSlots(roomFor(1 << 20))
	reads := 0
	for range 3 {
		for n := range uint32(10) {
			x, err := s.take(t.Context(), frameID{Frame: n}, func(buffer func(int) []byte) ([]byte, error) { reads++; return slotBytes(n, buffer(1000)), nil })
			if err != nil || string(x.raw) != string(slotBytes(n, nil)) {
				t.Fatalf("frame %d: %v", n, err)
			}
			s.give(x)
		}
	}
	if reads != 10 {
		t.Errorf("10 frames were read %d times", reads)
	}
}

// Workers take and give frames at random; some cannot be read. No frame changes
// while it is in use, and memory stays within bounds, but for what is in use.
func TestSlotsInACrowd(t *testing.T) {
	const workers, each = 8, 2
	s := newSlots(roomFor(8 * 1024))
	no := errors.New("no")
	var g sync.WaitGroup
	for w := range uint64(workers) {
		g.Go(func() {
			r := rand.New(rand.NewPCG(w, 1))
			for range 5000 {
				var held []*slot
				for range 1 + r.IntN(each) {
					n := r.Uint32N(30)
					fails := r.IntN(10) == 0
					x, err := s.take(t.Context(), frameID{Frame: n}, func(buffer func(int) []byte) ([]byte, error) {
						if fails {
							return nil, no
						}
						return slotBytes(n, buffer(1000)), nil
					})
					if err == nil {
						held = append(held, x)
					} else if !errors.Is(err, no) {
						t.Error(err)
					}
				}
				for _, x := range held {
					if string(x.raw) != string(slotBytes(x.id.Frame, nil)) {
						t.Errorf("frame %d holds other bytes", x.id.Frame)
					}
				}
				for _, x := range held {
					s.give(x)
				}
			}
		})
	}
	g.Wait()
	held := int64(0)
	for id, x := range s.at {
		if x.users != 0 || x.raw == nil {
			t.Errorf("slot %v is in use, or empty", id)
		}
		held += int64(cap(x.buf))
	}
	for _, b := range s.free {
		held += int64(cap(b))
	}
	if held != s.held || held > s.max+2048 {
		t.Errorf("%d bytes are held, %d counted, at most %d wanted", held, s.held, s.max)
	}
}

func TestSlotsAreFewHoweverSmall(t *testing.T) {
	s := newSlots(roomFor(1 << 30))
	for n := range uint32(3 * slotsMax) {
		x, err := s.take(t.Context(), frameID{Frame: n}, func(buffer func(int) []byte) ([]byte, error) { return slotBytes(n, buffer(1000)), nil })
		if err != nil {
			t.Fatal(err)
		}
		s.give(x)
	}
	if len(s.at) > slotsMax+1 {
		t.Errorf("%d slots", len(s.at))
	}
}

// What there is room for now may be more or less later. What is in use stays.
func TestSlotsGrowAndAreTrimmed(t *testing.T) {
	room := int64(4 * 1024)
	s := newSlots(func() int64 { return room })
	take := func(n uint32) (x *slot, read bool) {
		x, err := s.take(t.Context(), frameID{Frame: n}, func(buffer func(int) []byte) ([]byte, error) { read = true; return slotBytes(n, buffer(1000)), nil })
		if err != nil {
			t.Fatal(err)
		}
		return x, read
	}
	again := func(n uint32) (reads int) {
		for i := range n {
			x, read := take(i)
			if s.give(x); read {
				reads++
			}
		}
		return reads
	}
	if again(12); again(12) != 12 {
		t.Error("twelve frames stay where four have room")
	}
	room = 16 * 1024
	if again(12); again(12) != 0 {
		t.Error("twelve frames do not stay where sixteen have room")
	}
	used, _ := take(3)
	room = 2 * 1024
	s.trim()
	if s.held > room || len(s.at) != 2 || s.at[used.id] != used || string(used.raw) != string(slotBytes(3, nil)) {
		t.Errorf("%d bytes and %d frames are left; the one in use has %d bytes", s.held, len(s.at), len(used.raw))
	}
	// So does a buffer that is nobody's, because what it was for could not be read.
	no := errors.New("no")
	if _, err := s.take(t.Context(), frameID{Frame: 99}, func(buffer func(int) []byte) ([]byte, error) { buffer(1000); return nil, no }); !errors.Is(err, no) || len(s.free) != 1 {
		t.Fatalf("%v, %d buffers are free", err, len(s.free))
	}
	room = 0
	if s.trim(); len(s.free) > 0 {
		t.Error("a buffer that nobody uses is kept")
	}
	if s.at[used.id] != used {
		t.Error("what is in use is gone")
	}
	if s.give(used); s.held != 0 || len(s.at) != 0 {
		t.Errorf("%d bytes and %d frames are left where there is room for none", s.held, len(s.at))
	}
}

// A read that is given up is no reason for another to fail, which waits for it.
func TestSlotsOutliveWhoeverWasReading(t *testing.T) {
	s := newSlots(roomFor(1 << 20))
	ctx, cancel := context.WithCancel(t.Context())
	loading := make(chan struct{})
	first := make(chan error, 1)
	go func() {
		_, err := s.take(ctx, frameID{}, func(func(int) []byte) ([]byte, error) {
			close(loading)
			<-ctx.Done()
			return nil, ctx.Err()
		})
		first <- err
	}()
	<-loading
	second := make(chan error, 1)
	go func() {
		x, err := s.take(t.Context(), frameID{}, func(buffer func(int) []byte) ([]byte, error) { return slotBytes(1, buffer(1000)), nil })
		if err == nil {
			s.give(x)
		}
		second <- err
	}()
	for waiting := 1; waiting < 2; {
		s.mu.Lock()
		waiting = s.at[frameID{}].users
		s.mu.Unlock()
	}
	// A third one has ended before it has waited at all.
	if _, err := s.take(ended(t), frameID{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("who has given up waits on: %v", err)
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := <-second; err != nil {
		t.Errorf("who has not given up: %v", err)
	}
}

func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestASlotsBufferIsCountedWhole(t *testing.T) {
	s := newSlots(roomFor(1))
	x, err := s.take(t.Context(), frameID{}, func(func(int) []byte) ([]byte, error) { return make([]byte, 10, 1000)[:10:10], nil })
	if err != nil || s.held != 10 { // nobody can see the rest
		t.Fatalf("%d bytes, %v", s.held, err)
	}
	s.give(x)
	large := make([]byte, 1000)
	room := int64(2000)
	s = newSlots(func() int64 { return room })
	x, _ = s.take(t.Context(), frameID{}, func(func(int) []byte) ([]byte, error) { return large, nil })
	s.give(x)
	room = 1000
	y, _ := s.take(t.Context(), frameID{Frame: 1}, func(buffer func(int) []byte) ([]byte, error) {
		return append(buffer(600)[:0], make([]byte, 600)...)[:600:600], nil
	})
	if s.held != 1000 || cap(y.buf) != 1000 {
		t.Errorf("%d bytes are counted, the buffer has %d", s.held, cap(y.buf))
	}
}

// Frames are of two sizes: what is read stays, as long as there is room, whatever
// was read before.
func TestSlotsOfTwoSizes(t *testing.T) {
	s := newSlots(roomFor(16_000))
	var read []uint32
	take := func(n uint32, size int) {
		x, err := s.take(t.Context(), frameID{Frame: n}, func(buffer func(int) []byte) ([]byte, error) {
			read = append(read, n)
			return append(buffer(size)[:0], make([]byte, size)...), nil
		})
		if err != nil || len(x.raw) != size {
			t.Fatalf("frame %d: %d bytes, %v", n, len(x.raw), err)
		}
		s.give(x)
	}
	for round := range uint32(3) {
		for n := range uint32(40) {
			take(1000*round+n, 1000)
		}
		if s.held < 15_000 || s.held > 16_400 {
			t.Errorf("%d bytes of small frames are held", s.held)
		}
		read = nil
		for n := range uint32(14) {
			take(1000*round+26+n, 1000)
		}
		if len(read) > 0 {
			t.Errorf("small frames %d have not stayed", read)
		}
		for range 3 {
			take(1000*round+100, 8000)
			take(1000*round+101, 7000)
		}
		if len(read) != 2 {
			t.Errorf("two large frames are read %d times", len(read))
		}
		if s.held < 15_000 || s.held > 16_400 {
			t.Errorf("%d bytes of large frames are held", s.held)
		}
	}
}
