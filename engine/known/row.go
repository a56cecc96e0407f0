package known

import (
	"encoding/binary"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/source"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// Rows. Whoever finds one of another form takes it for absent.
//
//	key                              value
//	'g'                              form (1) number (4) began (8, seconds) rows (8)
//	'f' generation (4, big-endian)   form (1) dev (8) ino (8) size (8) mtime (12) ctime (12)
//	    path                         chunks (varint) segments in a list (varint) list id (32)
//	                                 or, with 0 segments in a list, segments: length<<1|zeros (varint) id (32, unless zeros)
//
// Times are seconds (8) and nanoseconds (4).
const (
	tableGeneration = 'g'
	tableFile       = 'f'
	form            = 1
)

var generationKey = []byte{tableGeneration}

func rowKey(generation uint32, path string) []byte {
	b := make([]byte, 0, 5+len(path))
	return append(binary.BigEndian.AppendUint32(append(b, tableFile), generation), path...)
}

// generation is a set of rows that is dropped as a whole.
type generation struct {
	number uint32 // from 1
	began  time.Time
	rows   int64 // written, some of them perhaps twice
}

func (g generation) encode() []byte {
	b := binary.LittleEndian.AppendUint32([]byte{form}, g.number)
	b = binary.LittleEndian.AppendUint64(b, uint64(g.began.Unix()))
	return binary.LittleEndian.AppendUint64(b, uint64(g.rows))
}

func decodeGeneration(v []byte) (g generation, ok bool) {
	r := wire.NewReader(v)
	f := r.U8()
	g = generation{number: r.U32(), began: time.Unix(int64(r.U64()), 0), rows: int64(r.U64())}
	return g, r.Done() == nil && f == form && g.number > 0 && g.rows >= 0
}

func encodeRow(id source.Identity, f File) []byte {
	b := make([]byte, 0, 128)
	b = append(b, form)
	for _, v := range [...]uint64{id.Dev, id.Ino, uint64(f.Size)} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = appendTime(appendTime(b, id.MTime), id.CTime)
	b = binary.AppendUvarint(b, uint64(f.Chunks))
	b = binary.AppendUvarint(b, uint64(f.Content.Count))
	if f.Content.Count > 0 {
		return append(b, f.Content.List[:]...)
	}
	for _, s := range f.Content.Segments {
		if s.Zero() {
			b = binary.AppendUvarint(b, uint64(s.Length)<<1|1)
			continue
		}
		b = binary.AppendUvarint(b, uint64(s.Length)<<1)
		b = append(b, s.ID[:]...)
	}
	return b
}

// decodeRow returns what a row says; ok is false if it says nothing that could
// be.
func decodeRow(v []byte) (id source.Identity, f File, ok bool) {
	const sizeMax = 1<<63 - 1
	r := wire.NewReader(v)
	if r.U8() != form {
		return id, f, false
	}
	id.Dev, id.Ino, id.Size = r.U64(), r.U64(), int64(r.U64())
	id.MTime, id.CTime = readTime(r), readTime(r)
	f.Size = id.Size
	f.Chunks = int64(r.Uvarint(sizeMax))
	segments := int64(0)
	if n := int64(r.Uvarint(sizeMax)); n > 0 {
		f.Content.Count, f.Content.List = n, r.ID()
		ok = n > manifest.InlineSegments && n <= f.Size && !f.Content.List.IsZero()
		segments = n
	} else {
		segments, ok = readSegments(r, &f)
	}
	return id, f, ok && r.Done() == nil && f.Chunks <= segments
}

// readSegments takes the segments of a small file, which must add up to it.
func readSegments(r *wire.Reader, f *File) (n int64, ok bool) {
	left := f.Size
	for r.Len() > 0 && r.Err() == nil {
		u := r.Uvarint(1<<64 - 1)
		s := manifest.Segment{Length: int64(u >> 1)}
		if zeros := u&1 != 0; !zeros {
			if s.ID = r.ID(); s.ID.IsZero() || s.Length > chunker.MaxSize {
				return 0, false
			}
		}
		n++
		if s.Length == 0 || s.Length > left || n > manifest.InlineSegments {
			return 0, false
		}
		left -= s.Length
		f.Content.Segments = append(f.Content.Segments, s)
	}
	return n, left == 0
}

func appendTime(b []byte, t time.Time) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(t.Unix()))
	return binary.LittleEndian.AppendUint32(b, uint32(t.Nanosecond()))
}

func readTime(r *wire.Reader) time.Time { return time.Unix(int64(r.U64()), int64(r.U32())) }
