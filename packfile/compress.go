package packfile

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Compression is what Writers compress with, and may share: encoders and buffers.
// Safe for concurrent use.
type Compression struct {
	slots chan struct{} // holds one for each frame that is being compressed

	plain  [lanePlain]stack[encoder]
	deltas stack[*zstd.Encoder]
	free   [lanes]stack[*job] // by lanes, for a lane's buffers are of one size
}

// encoder compresses a frame by itself.
type encoder interface {
	EncodeAll(src, dst []byte) []byte
}

// stack is what is idle. The last one used is used first, for an encoder takes
// memory once it is used, and its tables may still be in the processor's caches.
type stack[T any] struct {
	mu   sync.Mutex
	idle []T
}

func (s *stack[T]) push(x T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, x)
}

// pop reports whether there was one.
func (s *stack[T]) pop() (x T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.idle)
	if n == 0 {
		return x, false
	}
	x = s.idle[n-1]
	s.idle = s.idle[:n-1]
	return x, true
}

// with calls fn with one. There are as many as slots, and who calls has a slot.
func (s *stack[T]) with(fn func(T)) {
	x, _ := s.pop()
	fn(x)
	s.push(x)
}

// NewCompression makes one for Writers with these levels, frames and Workers.
func NewCompression(o WriterOptions) (*Compression, error) {
	o.ensureDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Compression{slots: make(chan struct{}, o.Workers)}
	for range o.Workers {
		for in, of := range [lanePlain]struct {
			level zstd.EncoderLevel
			frame int
		}{
			laneMain: {o.Level, o.FrameSize},
			laneText: {o.TextLevel, o.TextFrame},
		} {
			e, err := newEncoder(of.level, of.frame)
			if err != nil {
				return nil, fmt.Errorf("make pack compressor: %w", err)
			}
			s.plain[in].push(e)
		}
		e, err := newLibraryEncoder(min(max(o.Level, o.TextLevel), deltaLevelMax), DictMax+DeltaMax)
		if err != nil {
			return nil, fmt.Errorf("make pack compressor: %w", err)
		}
		s.deltas.push(e)
	}
	return s, nil
}

// job returns an empty one for a lane.
func (s *Compression) job(in lane) *job {
	j, ok := s.free[in].pop()
	if !ok {
		return &job{lane: in, done: make(chan struct{}, 1)}
	}
	j.raw, j.frame, j.entries = j.raw[:0], Frame{}, j.entries[:0]
	j.delta.reset()
	return j
}

// release takes back a job that is over, or was not submitted.
func (s *Compression) release(j *job) { s.free[j.lane].push(j) }

// compressor compresses the frames of one pack side by side and gives them back in
// order. Its goroutines live no longer than the frame they compress, so it needs
// no closing. One goroutine uses it; only encode runs in others.
type compressor struct {
	*Compression
	queue   []*job    // submitted, oldest first
	depth   int       // so many in the queue, and no other frame is begun
	waiting chan *job // of the queue, those that nobody has begun; room for all
	queued  int64     // raw bytes in the queue
	most    int64     // so many, and no other frame is begun, whatever the number of processors
}

func newCompressor(s *Compression, most int64) *compressor {
	depth := 2*cap(s.slots) + 2
	return &compressor{Compression: s, depth: depth, most: most, waiting: make(chan *job, depth+int(lanes))}
}

// job is a frame on its way. Its buffers are used again for other frames.
type job struct {
	raw     []byte
	packed  []byte
	stored  []byte // one of the two
	lane    lane
	frame   Frame   // all but its offset
	entries []Entry // what is in it, until it is closed
	delta   delta   // what it refers to; nothing: it is no delta frame
	done    chan struct{}
}

// collect receives a finished frame, without its offset; the job is valid until
// it returns.
type collect func(j *job)

// take returns an empty job of a lane to fill. If too many are in the queue, it waits
// for the oldest and collects it.
func (c *compressor) take(in lane, to collect) *job {
	for len(c.queue) >= c.depth || c.queued >= c.most {
		c.next(to)
	}
	return c.job(in)
}

// submit has a job done that holds its raw bytes and number of entries. What a
// new goroutine takes is the oldest job that waits, which need not be this one:
// the newest goroutine often runs first, and the oldest job is the one that will
// be waited for.
func (c *compressor) submit(j *job) {
	c.queue = append(c.queue, j)
	c.queued += int64(len(j.raw))
	c.waiting <- j
	go func() {
		c.slots <- struct{}{}
		c.encode(<-c.waiting)
		<-c.slots
	}()
}

// drain collects all that is in the queue.
func (c *compressor) drain(to collect) {
	for len(c.queue) > 0 {
		c.next(to)
	}
}

func (c *compressor) next(to collect) {
	j := c.queue[0]
	<-j.done
	c.queue = c.queue[:copy(c.queue, c.queue[1:])]
	c.queued -= int64(len(j.raw))
	to(j)
	c.release(j)
}

func (c *compressor) encode(j *job) {
	if j.lane != laneDelta {
		c.encodePlain(j, j.lane)
	} else if !c.encodeDelta(j) {
		c.encodePlain(j, laneText)
	}
	j.frame.Raw, j.frame.Stored = uint32(len(j.raw)), uint32(len(j.stored))
	j.frame.CRC = checksum(j.stored)
	j.done <- struct{}{}
}

func (c *compressor) encodePlain(j *job, in lane) {
	if cap(j.packed) == 0 {
		j.packed = make([]byte, 0, len(j.raw)/2)
	}
	c.plain[in].with(func(e encoder) { j.packed = e.EncodeAll(j.raw, j.packed[:0]) })
	j.stored, j.frame.Codec = j.packed, CodecZstd
	if len(j.packed) >= len(j.raw) {
		j.stored, j.frame.Codec = j.raw, CodecRaw
	}
}

// A delta that takes more than the deltaPoor-th part of its raw bytes is kept
// only if it saves the deltaGain-th part of what the frame takes compressed by
// itself: to read it takes more than one read.
const (
	deltaPoor = 3
	deltaGain = 8
)

// encodeDelta reports whether the frame is encoded, as a delta or because it
// turned out to be none.
func (c *compressor) encodeDelta(j *job) bool {
	d := &j.delta
	var err error
	c.deltas.with(func(e *zstd.Encoder) { err = d.encode(e, j) })
	if err != nil || len(d.packed) >= len(j.raw) {
		return false
	}
	if len(d.packed) > len(j.raw)/deltaPoor {
		c.encodePlain(j, laneText)
		if len(d.packed) > len(j.stored)-len(j.stored)/deltaGain {
			return true
		}
	}
	j.stored, j.frame.Codec = d.packed, CodecDelta
	return true
}
