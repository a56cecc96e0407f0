package chunker

import (
	"bytes"
	"io"
	"sync"

	"github.com/jotfs/fastcdc-go"
)

// windowSize is how much a Splitter reads ahead, in bytes; at least 2·Max.
const windowSize = 1 << 20

// tableMu orders the cutter's constructor, which writes the gear table it
// shares with every running cutter (with seed 0 it writes what is there
// already, which is still a data race), against those that read the table.
// The lock is only ever held over memory, never over a read from a source.
// Splitters that cut hold it together; making one waits for them.
var tableMu sync.RWMutex

// emptyReadsMax is how many reads in a row may give neither bytes nor an error.
const emptyReadsMax = 100

// A Splitter cuts a stream into chunks. It holds two windows of about 1 MiB
// (or twice Max). Reset makes it ready for another stream. Not safe for
// concurrent use.
type Splitter struct {
	params Params
	src    io.Reader
	window []byte // bytes read but not yet returned are window[start:end]
	start  int
	end    int
	eof    bool
	err    error // sticky: after a failed read the stream's bytes are unknown
	cuts   []int // lengths of the next chunks, already found in the window

	input bytes.Reader    // what the cutter reads: the window
	fresh fastcdc.Chunker // never used itself: each window is cut by a copy, over the same buffer
}

// NewSplitter returns a Splitter that needs a Reset before its first Next.
func NewSplitter(p Params) (*Splitter, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	s := &Splitter{params: p, window: make([]byte, max(windowSize, 2*p.Max)), err: io.EOF}
	tableMu.Lock()
	defer tableMu.Unlock()
	c, err := fastcdc.NewChunker(&s.input, fastcdc.Options{
		MinSize: p.Min, AverageSize: p.Avg, MaxSize: p.Max,
		BufSize: len(s.window) + 1, // so that it meets the end of the window in its first read
	})
	if err != nil {
		return nil, err
	}
	s.fresh = *c
	return s, nil
}

// Reset starts over with the stream r.
func (s *Splitter) Reset(r io.Reader) {
	s.src, s.start, s.end, s.eof, s.err, s.cuts = r, 0, 0, false, nil, s.cuts[:0]
}

// Next returns the next chunk, or io.EOF after the last one. The slice is
// valid until the next call. An error of the source is returned as it is, and
// again by every later call: a cut never follows bytes that may be wrong.
func (s *Splitter) Next() ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	if len(s.cuts) == 0 {
		if s.err = s.fill(); s.err == nil {
			s.err = s.cut()
		}
		if s.err != nil {
			return nil, s.err
		}
	}
	n := s.cuts[0]
	s.cuts = s.cuts[1:]
	b := s.window[s.start : s.start+n : s.start+n]
	s.start += n
	return b, nil
}

// fill moves what is left to the front of the window and reads on. It does not
// use io.ReadFull, to which a source that fails with io.ErrUnexpectedEOF, as
// every truncated archive does, looks like one that has ended.
func (s *Splitter) fill() error {
	s.end = copy(s.window, s.window[s.start:s.end])
	s.start = 0
	for empty := 0; !s.eof && s.end < len(s.window); {
		n, err := s.src.Read(s.window[s.end:])
		s.end += n
		switch {
		case err == io.EOF:
			s.eof = true
		case err != nil:
			return err
		case n > 0:
			empty = 0
		case empty == emptyReadsMax:
			return io.ErrNoProgress
		default:
			empty++
		}
	}
	if s.end == 0 {
		return io.EOF
	}
	return nil
}

// cut finds the chunks of the window. A chunk that the window's end, rather
// than its content, would close is left for the next window.
func (s *Splitter) cut() error {
	data := s.window[:s.end]
	s.cuts = s.cuts[:0]
	if s.eof && len(data) <= s.params.Min {
		s.cuts = append(s.cuts, len(data))
		return nil
	}
	s.input.Reset(data)
	c := s.fresh
	tableMu.RLock()
	defer tableMu.RUnlock()
	for rest := len(data); rest > 0 && (s.eof || rest >= s.params.Max); {
		chunk, err := c.Next()
		if err != nil {
			return err
		}
		s.cuts = append(s.cuts, chunk.Length)
		rest -= chunk.Length
	}
	return nil
}
