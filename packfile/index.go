package packfile

import (
	"fmt"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// Index says what a pack holds and where. It is read-only once made, and then
// safe for concurrent use; Entries of nodes share memory with each other.
type Index struct {
	ID     ID
	Class  Class
	Domain uint32 // dedup domain
	Nonce  [16]byte
	Size   int64 // of the object, in bytes

	Compat   uint32 // compatible flags
	ROCompat uint32 // read-only compatible flags: do not rewrite a pack with one you do not know

	Frames     []Frame     // in order of Offset
	Entries    []Entry     // in order of Frame, Offset; an id may stand here twice
	Extensions []Extension // unknown ones are kept
}

// Entry is a chunk in a pack.
type Entry struct {
	ID     chunker.ID
	Kind   chunker.Kind
	Frame  uint32      // index into Frames
	Offset uint32      // of its first byte in the decoded frame
	Length uint32      // bytes, above 0
	Deps   []DepPrefix // nodes only: what the node depends on, in the node's order
}

// DepPrefix is the first bytes of the id of a chunk that a node depends on.
// Eight are enough to count references again and to find candidates; who
// needs certainty reads the node.
type DepPrefix [8]byte

// PrefixOf is the start of id that an index block keeps.
func PrefixOf(id chunker.ID) DepPrefix { return DepPrefix(id[:8]) }

// Extension is a tagged piece of the index block that a Frame may refer to.
// This version knows ExtBases.
type Extension struct {
	Tag  uint64
	Data []byte
}

// Key is the pack's key in a store.
func (x *Index) Key() string { return Key(x.ID) }

// AppendBinary appends the pack without its frames: header, index block and
// trailer as they stand in the object. ParseIndex reads it back. It serves to
// keep copies of many packs' indexes in one place. It never fails.
func (x *Index) AppendBinary(dst []byte) ([]byte, error) {
	h := header{class: x.Class, nonce: x.Nonce, domain: x.Domain, compat: x.Compat, roCompat: x.ROCompat}
	start := len(dst)
	dst = h.append(dst)
	dst = x.appendBlock(dst)
	t := trailer{indexOffset: framesEnd(x.Frames), indexLength: len(dst) - start - HeaderSize}
	t.digest = digest(dst[start:start+HeaderSize], dst[start+HeaderSize:])
	return t.append(dst), nil
}

// ParseIndex reads what AppendBinary wrote for the pack id and checks it as
// ReadIndex does: bytes that pass are what the pack's writer wrote, if they
// belong to that pack, which the caller vouches for. The Index does not alias
// b. Errors are *CorruptError or ErrUnknown.
func ParseIndex(id ID, b []byte) (*Index, error) {
	key := Key(id)
	if len(b) < overhead {
		return nil, &CorruptError{Object: key, Offset: -1, Reason: "copied index", Err: fmt.Errorf("%w: %d bytes", wire.ErrMalformed, len(b))}
	}
	block, end := b[HeaderSize:len(b)-TrailerSize], b[len(b)-TrailerSize:]
	// A copy does not say how long the object is, but the trailer of a whole
	// object stands at its end, so the two determine each other.
	size := int64(wire.NewReader(end).U64()) + int64(len(block)) + TrailerSize
	t, err := parseTrailer(end, size)
	if err != nil {
		return nil, damaged(key, size-TrailerSize, "trailer", err)
	}
	return parseParts(id, size, b[:HeaderSize], block, t)
}

// parseParts makes an Index from the parts of an object, all checked.
func parseParts(id ID, size int64, head, block []byte, t trailer) (*Index, error) {
	key := Key(id)
	h, err := parseHeader(head)
	if err != nil {
		return nil, damaged(key, 0, "header", err)
	}
	if digest(head, block) != t.digest {
		return nil, damaged(key, t.indexOffset, "index block", errDigest)
	}
	x := h.index(id, size)
	if err := x.parseBlock(block, t.indexOffset); err != nil {
		return nil, damaged(key, t.indexOffset, "index block", err)
	}
	return x, nil
}

var errDigest = fmt.Errorf("%w: digest does not match", wire.ErrMalformed)

// check finds out before a pack is sealed what no reader would take.
func (x *Index) check() error {
	for i := range x.Frames {
		if err := x.Frames[i].check(); err != nil {
			return fmt.Errorf("frame %d: %w", i, err)
		}
	}
	return x.checkBases()
}

func (h header) index(id ID, size int64) *Index {
	return &Index{ID: id, Class: h.class, Domain: h.domain, Nonce: h.nonce, Size: size, Compat: h.compat, ROCompat: h.roCompat}
}

// framesEnd is the offset behind the last frame, where the index block begins.
func framesEnd(frames []Frame) int64 {
	if len(frames) == 0 {
		return HeaderSize
	}
	f := frames[len(frames)-1]
	return f.Offset + int64(f.Stored)
}
