// Package packfile keeps many chunks in one sealed, immutable object, a pack.
//
// Object stores charge per object and file systems suffer from small ones, so
// chunks travel together; and small chunks compress badly one by one, so
// neighbours are compressed together, as a frame. A reader who knows where a
// chunk is fetches one frame with one ranged read and decodes nothing else.
//
//	┌────────┬─────────┬─────────┬───┬─────────────┬─────────┐
//	│ header │ frame 0 │ frame 1 │ … │ index block │ trailer │
//	│ 64     │         │         │   │             │ 64      │
//	└────────┴─────────┴─────────┴───┴─────────────┴─────────┘
//
// The index block stands at the end, because a pack is written in one go and
// its frames' sizes are known only then; the trailer has a fixed size, so that
// one read of the object's tail finds both. All integers are little-endian.
// Each part's layout is documented where it is encoded: header.go, block.go,
// trailer.go.
//
// Invariants:
//
//   - A pack is named by the BLAKE3 of its bytes, a random nonce among them, so
//     a name is never used twice, not even for the same chunks.
//   - Frames cover the space between header and index block exactly.
//   - A pack is self-describing: with no other knowledge than its bytes, all its
//     chunks, their ids and what the nodes among them depend on can be listed
//     (from the index block alone) and verified.
//   - Everything is under a checksum: frames, header and trailer under CRC-32C,
//     header and index block under BLAKE3, the whole under the pack's id, every
//     chunk under its own. A damaged pack gives errors, never wrong bytes.
//   - A length or count in a pack never makes a reader allocate more than a small
//     multiple of the bytes read, or a frame's limit of FrameMax.
//   - Data and manifest nodes never share a pack: nodes are read often and in
//     bulk, data rarely and in parts.
package packfile

import "github.com/artifortress/afs-engine/chunker"

// Class says what kinds of chunks a pack may hold. The numbers are wire format.
type Class uint8

// The classes.
const (
	ClassData Class = 1 // chunks of kind Data
	ClassMeta Class = 2 // manifest nodes
)

// Valid reports whether c is a class this version knows.
func (c Class) Valid() bool { return c == ClassData || c == ClassMeta }

// Holds reports whether chunks of kind k belong into packs of class c.
func (c Class) Holds(k chunker.Kind) bool { return c.Valid() && k.IsNode() == (c == ClassMeta) }

// String is the class in one word.
func (c Class) String() string {
	switch c {
	case ClassData:
		return "data"
	case ClassMeta:
		return "meta"
	}
	return "unknown"
}

// Limits, in bytes. Writers refuse and decoders reject what exceeds them.
const (
	ChunkMax = chunker.MaxSize   // a chunk
	FrameMax = ChunkMax + 64<<10 // a frame, raw or stored; the excess is for codecs to come
	IndexMax = 64 << 20          // an index block: about 1.5 million entries
)

const overhead = HeaderSize + TrailerSize

// The default of WriterOptions.FrameSize, in bytes. A frame is what a random
// read has to fetch and decode, so nodes, which are small and read one by one,
// get smaller frames.
const (
	DataFrameSize = 256 << 10
	MetaFrameSize = 32 << 10
)
