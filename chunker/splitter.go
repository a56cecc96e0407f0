package chunker

import (
	"errors"
	"io"
)

// windowSize is how much a Splitter reads ahead, in bytes; at least 2·Max.
const windowSize = 1 << 20

// emptyReadsMax is how many reads in a row may give neither bytes nor an error.
const emptyReadsMax = 100

var errBadCount = errors.New("the source says it read a number of bytes that is impossible")

// A Splitter cuts a stream into chunks. It reads as much at a time as the
// source gives, up to its window of 1 MiB (or twice Max), and returns a chunk
// as soon as its bytes are there. Reset makes it ready for another stream. It
// allocates nothing after NewSplitter. Not safe for concurrent use.
type Splitter struct {
	cutter cutter
	src    io.Reader
	window []byte // bytes read but not yet returned are window[start:end]
	start  int
	end    int
	clean  int   // the first of these that are known to hold no cut
	err    error // the source's last word; sticky: what came after it would be other bytes
}

// NewSplitter returns a Splitter that needs a Reset before its first Next.
func NewSplitter(p Params) (*Splitter, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return &Splitter{
		cutter: newCutter(p, normalization, fastest),
		window: make([]byte, max(windowSize, 2*p.Max)),
		err:    io.EOF,
	}, nil
}

// Reset starts over with the stream r.
func (s *Splitter) Reset(r io.Reader) {
	s.src, s.start, s.end, s.clean, s.err = r, 0, 0, 0, nil
}

// Next returns the next chunk, or io.EOF after the last one. The slice is
// valid until the next call. An error of the source is returned as it is,
// after the chunks that lie wholly before it, and again by every later call:
// bytes before an error are not joined with bytes after it, and do not become
// a last chunk.
func (s *Splitter) Next() ([]byte, error) {
	for {
		data := s.window[s.start:s.end]
		if n := s.cutter.cut(data, s.clean, s.err == io.EOF); n > 0 {
			s.start, s.clean = s.start+n, 0
			return data[:n:n], nil
		}
		if s.err != nil {
			return nil, s.err
		}
		s.clean = len(data)
		s.read()
	}
}

// read asks the source once for as much as fits, or again while it gives
// nothing at all. An undecided chunk is shorter than Max, so that there is
// always room; it is moved to the front only when the room gets small.
func (s *Splitter) read() {
	if s.start == s.end || len(s.window)-s.end < len(s.window)/4 {
		s.end = copy(s.window, s.window[s.start:s.end])
		s.start = 0
	}
	for range emptyReadsMax {
		room := s.window[s.end:]
		n, err := s.src.Read(room)
		if n < 0 || n > len(room) {
			s.err = errBadCount
			return
		}
		if s.end, s.err = s.end+n, err; n > 0 || err != nil {
			return
		}
	}
	s.err = io.ErrNoProgress
}
