package packfile

import "io"

// Sealed is a finished pack, in memory and ready to be put into a store unless it
// has been written out as it was made. It is valid until its Writer's next Reset,
// its Index for ever.
type Sealed struct {
	Index *Index
	body  *slabs // nil: it was written out
}

// Key is where the pack belongs in a store.
func (s *Sealed) Key() string { return s.Index.Key() }

// Body returns a new reader of the object's bytes, which are shared by all
// such readers; nil if they were written out, see Writer.ResetTo.
func (s *Sealed) Body() io.ReadSeeker {
	if s.body == nil {
		return nil
	}
	return io.NewSectionReader(s.body, 0, s.body.size)
}

// slabs is a growing run of bytes that is never moved. It keeps its memory
// when reset.
type slabs struct {
	blocks [][]byte // each of slabSize
	size   int64
}

const slabSize = 256 << 10

func (s *slabs) reset() { s.size = 0 }

func (s *slabs) append(b []byte) {
	for len(b) > 0 {
		i, off := s.size/slabSize, s.size%slabSize
		if i == int64(len(s.blocks)) {
			s.blocks = append(s.blocks, make([]byte, slabSize))
		}
		n := copy(s.blocks[i][off:], b)
		s.size += int64(n)
		b = b[n:]
	}
}

// ReadAt is io.ReaderAt.
func (s *slabs) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		if off >= s.size {
			return n, io.EOF
		}
		end := min(s.size-off/slabSize*slabSize, slabSize)
		k := copy(p[n:], s.blocks[off/slabSize][off%slabSize:end])
		n += k
		off += int64(k)
	}
	return n, nil
}
