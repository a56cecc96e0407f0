package manifest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// Reader reads the bytes of a file. ReadAt is safe for concurrent use. Read,
// Seek and WriteTo share a position: one at a time. It holds no more than the
// pages of the chunk list on the way to where it last read. It needs no Close.
type Reader struct {
	ctx  context.Context
	e    Entry
	list lists
	pos  int64
}

var (
	_ io.ReaderAt   = (*Reader)(nil)
	_ io.ReadSeeker = (*Reader)(nil)
	_ io.WriterTo   = (*Reader)(nil)
)

// zeroBlock is how much of a run of zeros is written at once, in bytes.
const zeroBlock = 64 << 10

var errSeek = errors.New("seek: bad whence or negative position")

// OpenFile opens the file e, an entry that this package has returned. It reads
// nothing yet. All reads happen under ctx. It fails with ErrNotFile if e is
// something else.
func OpenFile(ctx context.Context, src Source, e Entry) (*Reader, error) {
	if e.Kind != File {
		return nil, fmt.Errorf("open %q: %w", e.Name, ErrNotFile)
	}
	return &Reader{ctx: ctx, e: e, list: lists{src, new(listPath)}}, nil
}

// Size is the file's length in bytes.
func (r *Reader) Size() int64 { return r.e.Size }

// ReadAt reads len(p) bytes from off, or up to the end of the file and io.EOF.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n := 0
	for x, err := range r.extents(off) {
		if err != nil {
			return n, err
		}
		skip := off + int64(n) - x.Offset
		if x.Zero() {
			k := int(min(x.Length-skip, int64(len(p)-n)))
			clear(p[n : n+k])
			n += k
		} else {
			b, err := r.chunk(x)
			if err != nil {
				return n, err
			}
			n += copy(p[n:], b[skip:])
		}
		if n == len(p) {
			return n, nil
		}
	}
	return n, io.EOF
}

// Read reads from the position and moves it.
func (r *Reader) Read(p []byte) (int, error) {
	n, err := r.ReadAt(p, r.pos)
	r.pos += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

// Seek sets the position; it may lie beyond the end, where reads give io.EOF.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.pos
	case io.SeekEnd:
		offset += r.e.Size
	default:
		return 0, errSeek
	}
	if offset < 0 {
		return 0, errSeek
	}
	r.pos = offset
	return offset, nil
}

// WriteTo writes what is left from the position on, chunk by chunk.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	start := r.pos
	var zeros []byte
	for x, err := range r.extents(r.pos) {
		if err != nil {
			return r.pos - start, err
		}
		if !x.Zero() {
			b, err := r.chunk(x)
			if err == nil {
				err = r.write(w, b[r.pos-x.Offset:])
			}
			if err != nil {
				return r.pos - start, err
			}
			continue
		}
		if zeros == nil {
			zeros = make([]byte, zeroBlock)
		}
		for end := x.Offset + x.Length; r.pos < end; {
			if err := r.write(w, zeros[:min(end-r.pos, zeroBlock)]); err != nil {
				return r.pos - start, err
			}
		}
	}
	return r.pos - start, nil
}

func (r *Reader) write(w io.Writer, b []byte) error {
	n, err := w.Write(b)
	r.pos += int64(n)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}

func (r *Reader) extents(from int64) iter.Seq2[Extent, error] {
	return extents(r.ctx, r.list, r.e.Content, r.e.Size, from)
}

// chunk reads the whole chunk of an extent.
func (r *Reader) chunk(x Extent) ([]byte, error) {
	b, err := r.list.src.Chunk(r.ctx, chunker.Data, x.ID)
	if err != nil {
		return nil, fmt.Errorf("read %q at %d: chunk %s: %w", r.e.Name, x.Offset, x.ID, err)
	}
	if int64(len(b)) != x.Length {
		return nil, fmt.Errorf("read %q at %d: %w: chunk %s has %d bytes, want %d", r.e.Name, x.Offset, wire.ErrMalformed, x.ID, len(b), x.Length)
	}
	return b, nil
}
