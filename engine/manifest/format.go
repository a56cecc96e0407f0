package manifest

import (
	"encoding/binary"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// A node is a page of one of three kinds of tree. Integers are minimal
// varints unless said otherwise, counted bytes are a varint length and the
// bytes.
//
//	+--------+------+-------+------+----------+------+-----------+-------+---------+
//	| format | kind | level | #ids | node ids | #ids | chunk ids | count | entries |
//	|   u8   |  u8  |  u8   |      |   ×32    |      |    ×32    |       |         |
//	+--------+------+-------+------+----------+------+-----------+-------+---------+
//	0        1      2       3
//
// format is 1, kind a chunker.Kind, level 0 for a leaf. The ids are everything
// that the entries refer to, in the order in which they do, as often as they
// do: a reader takes each from the front of its list. So garbage collection
// and replication walk nodes whose kind they do not know.
//
// Entries of a directory leaf and of an attributes leaf, by name:
//
//	counted name | #node ids taken | #chunk ids taken | #fields | fields
//	field: tag, strictly ascending | counted value
//
// Entries of an inner node:
//
//	directory    counted largest name below | summary below; takes one node id
//	attributes   counted largest name below;                 takes one node id
//	chunk list   bytes below | segments below;               takes one node id
//
// Entries of a chunk list leaf, in the order of the file's bytes:
//
//	length<<1 | zero;            takes one chunk id unless zero is set
//
// A summary is four varints: entries, subdirs, files, bytes.
const formatVersion = 1

// Tags of content fields; wire format. A file has a size, and segments or a
// list unless it is empty; a symlink has a target; a directory has a tree.
const (
	tagKind     = 1 // u8, a Kind
	tagExec     = 2 // file; empty value
	tagTarget   = 3 // symlink; bytes
	tagSize     = 4 // file; varint
	tagSegments = 5 // file; segments as in a chunk list leaf, taking chunk ids
	tagList     = 6 // file; varint count of segments; takes a node id
	tagTree     = 7 // directory; summary; takes a node id
	// Reserved: 8 inline content, 9 hard-link group.

	// Bit t stands for tag t. Fields with other tags are kept as they are.
	contentKnown uint64 = 1<<(tagTree+1) - 1<<tagKind
)

// Tags of attribute fields; wire format. Every entry has a mode and a time, a
// directory other than the root also a subtree, stored or inline. Only these
// take ids.
const (
	tagMode    = 1  // varint, at most 07777
	tagMTime   = 2  // zig-zag varint seconds since 1970, varint nanoseconds
	tagSubtree = 3  // directory; empty value; takes a node id
	tagInline  = 4  // directory, instead of a subtree; the subtree's only node without header and ids; takes its ids
	tagUID     = 16 // varint, at most OwnerMax; with a gid or not at all
	tagGID     = 17 // likewise
	tagXattrs  = 18 // one or more of: counted name, counted value; by name; XattrsMax in all
	tagLinks   = 20 // file; 16 bytes of group, varint count of names, 2 to 2^32-1
	// Reserved: 19 ACL, 21 SHA-256 and 22 BLAKE3 of the whole file.

	attrsKnown uint64 = 1<<tagMode | 1<<tagMTime | 1<<tagSubtree | 1<<tagInline | 1<<tagUID | 1<<tagGID | 1<<tagXattrs | 1<<tagLinks
)

const tagMax = 1<<16 - 1

// Where pages end; wire format in so far as equal content has equal ids only
// among writers that agree on it. The size of an entry is its bytes and 32 for
// each id it takes; the size of a page is that of its entries.
const (
	pageMin  = 2 << 10  // no page but a level's last ends by hash before this
	pageMax  = 32 << 10 // no page of several entries is larger
	pageSpan = 8 << 10  // an entry of s bytes ends its page with probability s/pageSpan
)

// endsPage decides by an entry's hash and size whether a page that has reached
// pageMin ends with it: hash < size · 2^64/pageSpan. By size rather than by
// count, so that pages of long and of short entries have the same mean.
func endsPage(hash uint64, size int) bool {
	return size >= pageSpan || hash < uint64(size)*(1<<64/pageSpan)
}

// neverEnds is the hash of a run of zeros.
const neverEnds = 1<<64 - 1

// nameHash is what decides in leaves of directories and attributes. It does
// not see the entry's content, so that a changed file leaves the pages be.
func nameHash(name string) uint64 { return idHash(chunker.Sum([]byte(name))) }

// idHash is what decides in chunk lists and inner nodes.
func idHash(id chunker.ID) uint64 { return binary.LittleEndian.Uint64(id[:]) }

// appendNode encodes a node; the ids of deps are nodes first, then chunks.
func appendNode(dst []byte, kind chunker.Kind, level int, deps []chunker.ID, nodes, count int, entries []byte) []byte {
	dst = append(dst, formatVersion, byte(kind), byte(level))
	dst = binary.AppendUvarint(dst, uint64(nodes))
	for i := range deps {
		if i == nodes {
			dst = binary.AppendUvarint(dst, uint64(len(deps)-nodes))
		}
		dst = append(dst, deps[i][:]...)
	}
	if len(deps) == nodes {
		dst = append(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(count))
	return append(dst, entries...)
}

func appendSummary(dst []byte, s Summary) []byte {
	for _, v := range [...]int64{s.Entries, s.Subdirs, s.Files, s.Bytes} {
		dst = binary.AppendUvarint(dst, uint64(v))
	}
	return dst
}

func readSummary(r *wire.Reader) Summary {
	return Summary{Entries: readSize(r), Subdirs: readSize(r), Files: readSize(r), Bytes: readSize(r)}
}

// readSize takes a varint that fits an int64.
func readSize(r *wire.Reader) int64 { return int64(r.Uvarint(1<<63 - 1)) }
