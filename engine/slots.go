package engine

import (
	"context"
	"sync"
)

// slots keeps decoded frames for bulk reads in buffers that are used again. A
// delta's bases stand in frames that a version has little else of, each of which
// serves a few deltas in a row and is then wanted no more: in the cache they would
// drive out what is read again, and each would be new memory.
type slots struct {
	room func() int64 // how many bytes there may be now

	mu   sync.Mutex
	max  int64 // what room said last
	at   map[frameID]*slot
	free [][]byte
	held int64 // bytes of all buffers
	tick uint64
}

// slot is a frame. Its bytes stand still while somebody uses it.
type slot struct {
	id    frameID
	raw   []byte
	buf   []byte // what raw stands in
	err   error
	ended bool          // err is because whoever was reading has given up
	ready chan struct{} // closed when raw or err is set
	users int
	last  uint64 // when it was taken last
}

// slotsMax bounds the number of slots, however small the frames are.
const slotsMax = 256

// newSlots makes slots of as many bytes as room says whenever one is filled. room
// must not use slots.
func newSlots(room func() int64) *slots {
	return &slots{room: room, max: room(), at: map[frameID]*slot{}}
}

// take returns the frame id, which load decodes, if nobody has, into a buffer that
// it asks for, once, or into one of its own if there is none for it. load must not
// take slots itself: others may wait for it. If it fails because its ctx has ended,
// they load the frame themselves. The caller gives the slot back.
func (s *slots) take(ctx context.Context, id frameID, load func(buffer func(size int) []byte) ([]byte, error)) (*slot, error) {
	for {
		s.mu.Lock()
		s.tick++
		x, ok := s.at[id]
		if !ok {
			return s.loadLocked(ctx, id, load)
		}
		x.users, x.last = x.users+1, s.tick
		s.mu.Unlock()
		select {
		case <-x.ready:
		case <-ctx.Done():
			s.give(x)
			return nil, ctx.Err()
		}
		if x.err == nil {
			return x, nil
		}
		s.give(x)
		if !x.ended {
			return nil, x.err
		}
	}
}

// loadLocked makes a slot and unlocks s.
func (s *slots) loadLocked(ctx context.Context, id frameID, load func(buffer func(size int) []byte) ([]byte, error)) (*slot, error) {
	x := &slot{id: id, ready: make(chan struct{}), users: 1, last: s.tick}
	s.at[id] = x
	s.mu.Unlock()

	x.raw, x.err = load(func(size int) []byte {
		s.mu.Lock()
		defer s.mu.Unlock()
		x.buf = s.bufferLocked(size)
		return x.buf
	})
	had := int64(cap(x.buf))
	if x.err == nil && !within(x.raw, x.buf) {
		x.buf = x.raw
	}
	s.mu.Lock()
	if x.err != nil {
		x.ended = ctx.Err() != nil
		delete(s.at, id)
	}
	s.held += int64(cap(x.buf)) - had
	s.mu.Unlock()
	close(x.ready)
	if x.err != nil {
		s.give(x)
		return nil, x.err
	}
	return x, nil
}

// within says that raw stands at the beginning of buf.
func within(raw, buf []byte) bool {
	return len(raw) > 0 && cap(buf) > 0 && &raw[0] == &buf[:1][0]
}

// bufferLocked finds a buffer for size bytes: one that is free, else that of the
// frame that was taken longest ago, if there are enough buffers already. What is
// too small goes, until there is room for a new one, and so does what is far too
// large: a store's frames are of two or three sizes.
func (s *slots) bufferLocked(size int) []byte {
	s.max = s.room()
	for n := len(s.free); n > 0; n = len(s.free) {
		buf := s.free[n-1]
		s.free = s.free[:n-1]
		if fits(buf, size) {
			return buf
		}
		s.held -= int64(cap(buf))
	}
	for s.held+int64(size) > s.max || len(s.at) > slotsMax {
		oldest := s.dropLocked()
		if oldest == nil {
			break
		}
		if fits(oldest.buf, size) {
			return oldest.buf
		}
		s.held -= int64(cap(oldest.buf))
	}
	return nil
}

// dropLocked forgets the frame that was taken longest ago and is not in use, and
// returns it; nil: all are.
func (s *slots) dropLocked() *slot {
	var oldest *slot
	for _, x := range s.at {
		if x.users == 0 && (oldest == nil || x.last < oldest.last) {
			oldest = x
		}
	}
	if oldest != nil {
		delete(s.at, oldest.id)
	}
	return oldest
}

// trim gives back memory that there is no room for any more.
func (s *slots) trim() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.max = s.room()
	for ; len(s.free) > 0 && s.held > s.max; s.free = s.free[:len(s.free)-1] {
		s.held -= int64(cap(s.free[len(s.free)-1]))
	}
	for s.held > s.max {
		oldest := s.dropLocked()
		if oldest == nil {
			break
		}
		s.held -= int64(cap(oldest.buf))
	}
}

// fits says that size bytes have room in buf and leave less than as much again.
func fits(buf []byte, size int) bool { return size <= cap(buf) && cap(buf) < 2*size }

// give ends a use of a slot. Of more memory than there should be, which it takes
// when more frames are in use at once than fit, what is given back first goes.
func (s *slots) give(x *slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.users--; x.users > 0 {
		return
	}
	known := s.at[x.id] == x
	switch size := int64(cap(x.buf)); {
	case s.held-size >= s.max:
		if known {
			delete(s.at, x.id)
		}
		s.held -= size
		x.raw, x.buf = nil, nil
	case !known && x.buf != nil: // it could not be read
		s.free = append(s.free, x.buf)
		x.raw, x.buf = nil, nil
	}
}

// has says whether a frame is in a slot.
func (s *slots) has(id frameID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, ok := s.at[id]
	if !ok {
		return false
	}
	select {
	case <-x.ready:
		return x.err == nil
	default: // on its way
		return false
	}
}
