package source

import (
	"archive/tar"
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// tarStream is an archive/tar reader that knows whether the archive has an
// end: without its end mark, a stream that was cut off between two entries
// would pass for a shorter archive.
type tarStream struct {
	*tar.Reader
	in countingReader
}

const tarBlock = 512

// compressed are the first bytes of streams that people forget to unpack.
var compressed = []struct{ magic, name string }{
	{"\x1f\x8b", "gzip"}, {"\x28\xb5\x2f\xfd", "zstd"}, {"BZh", "bzip2"}, {"\xfd7zXZ\x00", "xz"}, {"PK\x03\x04", "zip"},
}

func newTarStream(r io.Reader) (*tarStream, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(6)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read tar stream: %w", err)
	}
	for _, c := range compressed {
		if bytes.HasPrefix(head, []byte(c.magic)) {
			return nil, fmt.Errorf("%w: the stream is %s data, unpack it on the way in", ErrNotTar, c.name)
		}
	}
	s := &tarStream{in: countingReader{r: b}}
	s.Reader = tar.NewReader(&s.in)
	return s, nil
}

// next returns the next header, or io.EOF after the end mark.
func (s *tarStream) next() (*tar.Header, error) {
	// What an entry's taker left is read here, so that the count below is
	// that of padding and end mark.
	if _, err := io.Copy(io.Discard, s.Reader); err != nil {
		return nil, err
	}
	before := s.in.n
	h, err := s.Reader.Next()
	switch {
	case err == tar.ErrInsecurePath:
		return h, nil // names are cleaned in any case
	case err == io.EOF && s.in.n-before < tarBlock:
		return nil, fmt.Errorf("%w: it ends without an end mark", ErrNotTar)
	case err == io.EOF:
		// The writer may still be writing its last, empty blocks.
		if _, err := io.Copy(io.Discard, &s.in); err != nil {
			return nil, err
		}
		return nil, io.EOF
	case err == tar.ErrHeader:
		return nil, fmt.Errorf("%w: %w", ErrNotTar, err)
	}
	return h, err
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}
