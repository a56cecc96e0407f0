package packfile

import "github.com/klauspost/compress/zstd"

// compressor compresses frames side by side and gives them back in order. Its
// goroutines live no longer than the frame they compress, so it needs no
// closing. One goroutine uses it; only encode runs in others.
type compressor struct {
	encoders chan *zstd.Encoder // idle ones; their number bounds the running goroutines
	queue    []*job             // submitted, oldest first
	depth    int                // the most jobs that may be in the queue
	free     []*job
	queued   int64 // raw bytes in the queue
}

// job is a frame on its way. Its buffers are used again for other frames.
type job struct {
	raw    []byte
	packed []byte
	stored []byte // one of the two
	frame  Frame  // all but its offset
	done   chan struct{}
}

// collect receives a finished frame, without its offset; stored is valid until
// it returns.
type collect func(f Frame, stored []byte)

func newCompressor(level zstd.EncoderLevel, workers int) (*compressor, error) {
	c := &compressor{encoders: make(chan *zstd.Encoder, workers), depth: 2 * workers}
	for range workers {
		e, err := newEncoder(level) // allocates little until it is used
		if err != nil {
			return nil, err
		}
		c.encoders <- e
	}
	return c, nil
}

// take returns an empty job to fill. If too many are in the queue, it waits
// for the oldest and collects it.
func (c *compressor) take(to collect) *job {
	if len(c.queue) >= c.depth {
		c.next(to)
	}
	n := len(c.free)
	if n == 0 {
		return &job{done: make(chan struct{}, 1)}
	}
	j := c.free[n-1]
	c.free = c.free[:n-1]
	j.raw, j.frame = j.raw[:0], Frame{}
	return j
}

// release takes a job back that was not submitted.
func (c *compressor) release(j *job) { c.free = append(c.free, j) }

// submit starts a job that holds its raw bytes and number of entries.
func (c *compressor) submit(j *job) {
	c.queue = append(c.queue, j)
	c.queued += int64(len(j.raw))
	go c.encode(j)
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
	to(j.frame, j.stored)
	c.release(j)
}

func (c *compressor) encode(j *job) {
	e := <-c.encoders
	j.packed = e.EncodeAll(j.raw, j.packed[:0])
	c.encoders <- e

	j.stored, j.frame.Codec = j.packed, CodecZstd
	if len(j.packed) >= len(j.raw) {
		j.stored, j.frame.Codec = j.raw, CodecRaw
	}
	j.frame.Raw, j.frame.Stored = uint32(len(j.raw)), uint32(len(j.stored))
	j.frame.CRC = checksum(j.stored)
	j.done <- struct{}{}
}
