package packfile

import (
	"encoding/binary"
	"fmt"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// The index block:
//
//	u32  number of frames, above 0
//	u32  number of entries
//	frame table, 32 bytes each, in order of offset:
//	   0  8  u64 offset in the object; the first is 64, each next one where the last ends
//	   8  4  u32 stored length
//	  12  4  u32 raw length
//	  16  4  u32 number of entries, above 0
//	  20  4  u32 CRC-32C of the stored bytes
//	  24  1  u8  codec: 0 raw, 1 zstd, 2 delta
//	  25  1  zero
//	  26  2  u16 0, or 1 + index of the extension that belongs to this frame
//	  28  4  zero
//	entries, in frame order, inside a frame in order of offset:
//	  id [32] · u8 kind · uvarint length, above 0
//	  nodes only: uvarint number of dependencies, the first 8 bytes of each one's id
//	extensions:
//	  uvarint number; each: uvarint tag · uvarint length · bytes
//
// An entry's frame follows from the counts in the frame table, its offset from
// the lengths before it; the lengths of a frame's entries add up to its raw
// length. Tag 1 is the bases of a delta frame, see delta.go. Extensions are where
// a frame's key id, nonce and tag, or a recipe will stand; readers keep those they
// do not know, and an incompatible flag in the header says so when that is not
// enough.
const (
	blockHeadSize  = 8
	frameRowSize   = 32
	entryMin       = chunker.IDSize + 2 // the shortest entry
	depPrefixSize  = len(DepPrefix{})
	extensionMin   = 2
	extensionsNone = 1 // bytes of an empty extension section
)

func (x *Index) appendBlock(dst []byte) []byte {
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, uint32(len(x.Frames)))
	dst = le.AppendUint32(dst, uint32(len(x.Entries)))
	for _, f := range x.Frames {
		dst = le.AppendUint64(dst, uint64(f.Offset))
		dst = le.AppendUint32(dst, f.Stored)
		dst = le.AppendUint32(dst, f.Raw)
		dst = le.AppendUint32(dst, f.Entries)
		dst = le.AppendUint32(dst, f.CRC)
		dst = append(dst, byte(f.Codec), 0)
		dst = le.AppendUint16(dst, f.Extension)
		dst = le.AppendUint32(dst, 0)
	}
	for i := range x.Entries {
		e := &x.Entries[i]
		dst = append(dst, e.ID[:]...)
		dst = append(dst, byte(e.Kind))
		dst = binary.AppendUvarint(dst, uint64(e.Length))
		if e.Kind.IsNode() {
			dst = binary.AppendUvarint(dst, uint64(len(e.Deps)))
			for _, d := range e.Deps {
				dst = append(dst, d[:]...)
			}
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(x.Extensions)))
	for _, ext := range x.Extensions {
		dst = binary.AppendUvarint(dst, ext.Tag)
		dst = wire.AppendCounted(dst, ext.Data)
	}
	return dst
}

// parseBlock fills in what the block of an object says whose frames end at
// end. Without a class (the header was damaged) kinds of both are accepted.
func (x *Index) parseBlock(b []byte, end int64) error {
	r := wire.NewReader(b)
	frames, entries := int64(r.U32()), int64(r.U32())
	if frames == 0 || frames > int64(r.Len()/frameRowSize) {
		r.Failf("%d frames", frames)
	}
	if entries > int64(r.Len()/entryMin) {
		r.Failf("%d entries", entries)
	}
	if r.Err() != nil {
		return r.Err()
	}
	if err := x.parseFrames(r, int(frames), entries, end); err != nil {
		return err
	}
	if err := x.parseEntries(r, int(entries)); err != nil {
		return err
	}
	n := r.Count(extensionMin)
	for i := range x.Frames {
		if int(x.Frames[i].Extension) > n {
			r.Failf("frame %d has extension %d of %d", i, x.Frames[i].Extension, n)
		}
	}
	for range n {
		tag := r.Uvarint(1<<64 - 1)
		data := r.Counted(r.Len())
		if r.Err() == nil {
			x.Extensions = append(x.Extensions, Extension{tag, append([]byte(nil), data...)})
		}
	}
	if err := r.Done(); err != nil {
		return err
	}
	return x.checkBases()
}

func (x *Index) parseFrames(r *wire.Reader, frames int, entries, end int64) error {
	x.Frames = make([]Frame, frames)
	next, sum := int64(HeaderSize), int64(0)
	for i := range x.Frames {
		f := &x.Frames[i]
		offset := r.U64()
		f.Offset, f.Stored, f.Raw, f.Entries, f.CRC = next, r.U32(), r.U32(), r.U32(), r.U32()
		f.Codec = Codec(r.U8())
		reserved := uint32(r.U8())
		f.Extension = r.U16()
		reserved |= r.U32()
		if reserved != 0 {
			return fmt.Errorf("%w: reserved bytes of frame %d are in use", ErrUnknown, i)
		}
		if offset != uint64(next) {
			r.Failf("frame %d is at %d, not at %d", i, offset, next)
		}
		if err := f.check(); err != nil {
			r.Failf("frame %d: %v", i, err)
		}
		if r.Err() != nil {
			return r.Err()
		}
		next += int64(f.Stored)
		sum += int64(f.Entries)
	}
	if next != end || sum != entries {
		r.Failf("frames end at %d, not at %d, or hold %d entries, not %d", next, end, sum, entries)
	}
	return r.Err()
}

func (x *Index) parseEntries(r *wire.Reader, entries int) error {
	x.Entries = make([]Entry, 0, entries)
	var deps depSlab
	for i := range x.Frames {
		left := x.Frames[i].Raw
		for range x.Frames[i].Entries {
			e := Entry{ID: r.ID(), Kind: chunker.Kind(r.U8()), Frame: uint32(i), Offset: x.Frames[i].Raw - left}
			e.Length = uint32(r.Uvarint(uint64(left)))
			if r.Err() == nil && !e.Kind.Valid() {
				return fmt.Errorf("%w: chunk of %v", ErrUnknown, e.Kind)
			}
			if x.Class.Valid() && !x.Class.Holds(e.Kind) {
				r.Failf("%v in a pack of class %v", e.Kind, x.Class)
			}
			if e.Length == 0 {
				r.Failf("empty chunk")
			}
			if e.Kind.IsNode() {
				b := r.Bytes(r.Count(depPrefixSize) * depPrefixSize)
				e.Deps = deps.take(len(b) / depPrefixSize)
				for j := range e.Deps {
					copy(e.Deps[j][:], b[j*depPrefixSize:])
				}
			}
			if r.Err() != nil {
				return r.Err()
			}
			left -= e.Length
			x.Entries = append(x.Entries, e)
		}
		if left != 0 {
			r.Failf("entries of frame %d are %d bytes short of it", i, left)
			return r.Err()
		}
	}
	return nil
}

// depSlab hands out small slices from large ones.
type depSlab []DepPrefix

const depSlabSize = 512

func (s *depSlab) take(n int) []DepPrefix {
	if n == 0 {
		return nil
	}
	if n > len(*s) {
		if n >= depSlabSize {
			return make([]DepPrefix, n)
		}
		*s = make([]DepPrefix, depSlabSize)
	}
	d := (*s)[:n:n]
	*s = (*s)[n:]
	return d
}

// entrySize is how long an entry is in the index block, in bytes.
func entrySize(kind chunker.Kind, length, deps int) int {
	n := chunker.IDSize + 1 + uvarintSize(length)
	if kind.IsNode() {
		n += uvarintSize(deps) + deps*depPrefixSize
	}
	return n
}

func uvarintSize(n int) int {
	var b [binary.MaxVarintLen64]byte
	return binary.PutUvarint(b[:], uint64(n))
}
