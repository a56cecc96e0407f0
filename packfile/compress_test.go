package packfile

import (
	"bytes"
	"slices"
	"sync"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
)

// What frames under way take is bounded however many processors there are.
func TestFramesUnderWayTakeSoMuchWhateverTheProcessors(t *testing.T) {
	const frame = 2 << 20
	o := WriterOptions{Class: ClassData, FrameSize: 3000, TextFrame: frame, Workers: 64}
	shared, err := NewCompression(o)
	if err != nil {
		t.Fatal(err)
	}
	o.Compression = shared
	w := newWriter(t, o)
	for i := range 80 {
		data := bytes.Repeat([]byte{byte(i)}, 1<<20)
		if err := w.AddText(chunker.Sum(data), data); err != nil {
			t.Fatal(err)
		}
		small := data[:1000+i]
		if err := w.Add(chunker.Sum(small), chunker.Data, small, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Seal(); err != nil {
		t.Fatal(err)
	}
	raw := 0
	for in := range shared.free {
		for _, j := range shared.free[in].idle {
			raw += cap(j.raw)
			if lane(in) == laneMain && cap(j.raw) > 2*o.FrameSize {
				t.Errorf("a buffer of %d bytes for small frames", cap(j.raw))
			}
		}
	}
	if raw < 3*frame || raw > QueueDefault+3*frame {
		t.Errorf("buffers of %d bytes", raw)
	}
}

// The writer waits for the oldest frame, so that must not be the last to be done.
func TestTheOldestFrameIsCompressedFirst(t *testing.T) {
	shared, err := NewCompression(WriterOptions{Class: ClassData, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	c := newCompressor(shared, QueueDefault)
	shared.slots <- struct{}{}
	for range c.depth {
		j := c.take(laneMain, nil)
		j.raw = append(j.raw, "data"...)
		c.submit(j)
	}
	<-shared.slots
	done := func(j *job) bool { return len(j.done) > 0 }
	last := c.queue[c.depth-1]
	last.done <- <-last.done
	if slices.ContainsFunc(c.queue, func(j *job) bool { return !done(j) }) {
		t.Error("the newest frame is done, and older ones are not")
	}
	c.drain(func(*job) {})
}

// Writers with one Compression do not get into each other's way: they make what
// each makes alone.
func TestWritersShareACompression(t *testing.T) {
	o := WriterOptions{Class: ClassData, FrameSize: 4000, TextFrame: 9000, Workers: 3}
	chunks := dataChunks(generator(7), 400, 1500)
	write := func(w *Writer) {
		for i, c := range chunks {
			add := func() error { return w.Add(c.id, c.kind, c.data, nil) }
			if i%3 == 0 {
				add = func() error { return w.AddText(c.id, c.data) }
			}
			if err := add(); err != nil {
				t.Error(err)
			}
		}
	}
	alone := newWriter(t, o)
	write(alone)
	_, want := seal(t, alone)
	var err error
	if o.Compression, err = NewCompression(o); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var writers []*Writer
	for range 4 {
		w := newWriter(t, o)
		writers = append(writers, w)
		all.Go(func() { write(w) })
	}
	all.Wait()
	for _, w := range writers {
		if _, got := seal(t, w); !bytes.Equal(got, want) {
			t.Error("a shared compression makes other bytes")
		}
	}
}
