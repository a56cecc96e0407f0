package packfile

import "github.com/klauspost/compress/zstd"

// compressor compresses frames side by side and gives them back in order. Its
// goroutines live no longer than the frame they compress, so it needs no
// closing. One goroutine uses it; only encode runs in others.
type compressor struct {
	encoders [lanes]chan *zstd.Encoder // idle ones of each lane; their number bounds the running goroutines
	queue    []*job                    // submitted, oldest first
	depth    int                       // the most jobs that may be in the queue
	waiting  chan *job                 // of the queue, those that nobody has begun; room for all
	free     []*job
	queued   int64 // raw bytes in the queue
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

func newCompressor(levels [lanes]zstd.EncoderLevel, workers int) (*compressor, error) {
	depth := 3 * workers
	c := &compressor{depth: depth, waiting: make(chan *job, depth)}
	for in, level := range levels {
		c.encoders[in] = make(chan *zstd.Encoder, workers)
		for range workers {
			e, err := newEncoder(level) // allocates little until it is used
			if err != nil {
				return nil, err
			}
			c.encoders[in] <- e
		}
	}
	return c, nil
}

// take returns an empty job of a lane to fill. If too many are in the queue, it waits
// for the oldest and collects it.
func (c *compressor) take(in lane, to collect) *job {
	if len(c.queue) >= c.depth {
		c.next(to)
	}
	n := len(c.free)
	if n == 0 {
		return &job{lane: in, done: make(chan struct{}, 1)}
	}
	j := c.free[n-1]
	c.free = c.free[:n-1]
	j.lane, j.raw, j.frame, j.entries = in, j.raw[:0], Frame{}, j.entries[:0]
	j.delta.reset()
	return j
}

// release takes a job back that was not submitted.
func (c *compressor) release(j *job) { c.free = append(c.free, j) }

// submit has a job done that holds its raw bytes and number of entries. What a
// new goroutine takes is the oldest job that waits, which need not be this one:
// the newest goroutine often runs first, and the oldest job is the one that will
// be waited for.
func (c *compressor) submit(j *job) {
	c.queue = append(c.queue, j)
	c.queued += int64(len(j.raw))
	c.waiting <- j
	go func() { c.encode(<-c.waiting) }()
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
	e := <-c.encoders[in]
	j.packed = e.EncodeAll(j.raw, j.packed[:0])
	c.encoders[in] <- e
	j.stored, j.frame.Codec = j.packed, CodecZstd
	if len(j.packed) >= len(j.raw) {
		j.stored, j.frame.Codec = j.raw, CodecRaw
	}
}

// A delta that takes more than the deltaPoor-th part of its raw bytes is kept
// only if it saves the deltaGain-th part of what the frame takes otherwise: to
// read it takes more than one read.
const (
	deltaPoor = 3
	deltaGain = 8
)

// encodeDelta reports whether the frame is encoded, as a delta or because it
// turned out to be none.
func (c *compressor) encodeDelta(j *job) bool {
	d := &j.delta
	e := <-c.encoders[laneDelta]
	err := d.encode(e, j)
	c.encoders[laneDelta] <- e
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
