// Package manifest describes a version's content: which names hold which bytes.
//
// There are two parallel Merkle trees. The content tree says kind, executable
// bit, link target, size and chunks; the attributes tree says mode, times and the like.
// So touching every mtime shares every content node, and two machines that
// publish the same bytes name them by the same content id. A version is a
// Root: one id of each.
//
// A directory, and the chunk list of a large file, is a search tree whose
// pages (nodes, about 8 KiB) end where the hash of a name or a chunk id says
// so. An edit therefore changes the page it is on and the path above it, and
// the cost of a change follows its size.
//
//	root id ─► directory node ─┬─ "bin"  ─► directory node ─┬─ "go": chunk list node ─► chunks
//	                           │                            └─ "gofmt": chunks
//	                           └─ "doc.txt": chunks
//
// Invariants: a node's bytes are canonical (one encoding for one meaning);
// fields with tags that this version does not know survive a rewrite; every
// id that a node depends on stands in one list at its front, which can be
// walked without knowing what the node describes; nothing here holds a whole
// tree, directory or chunk list in memory.
package manifest

import (
	"context"
	"time"

	"github.com/artifortress/afs-engine/chunker"
)

// Root names a version's content and its attributes.
type Root struct {
	Content chunker.ID `json:"content"`
	Attrs   chunker.ID `json:"attrs"`
}

// Kind is what an entry is. The numbers are wire format.
type Kind uint8

// The kinds of entries.
const (
	File    Kind = 1
	Dir     Kind = 2
	Symlink Kind = 3
)

// String is the kind in one word.
func (k Kind) String() string {
	switch k {
	case File:
		return "file"
	case Dir:
		return "dir"
	case Symlink:
		return "symlink"
	}
	return "unknown"
}

// Entry is one name of a directory with both its sides, content and
// attributes. Names and link targets are bytes without NUL (names also
// without '/'), not necessarily UTF-8.
type Entry struct {
	Name string
	Kind Kind

	// Content.
	Exec    bool       // File: some execute bit was set
	Size    int64      // File: bytes; Symlink: length of Target; Dir: 0
	Target  string     // Symlink
	Content Content    // File
	Tree    chunker.ID // Dir: the directory's content node
	Summary Summary    // Dir

	// Attributes.
	Attr Attr

	// What an entry read from a tree carries along: fields that a later
	// version wrote, and whether it is a root. A copy of the entry keeps
	// both; an entry made anew, as for changed content, has neither.
	unknown *unknown
	root    bool
}

// Attr is what a person can change about an entry without changing content.
type Attr struct {
	Mode   uint32     // permission bits, and setuid, setgid, sticky: 07777
	MTime  time.Time  // to the nanosecond; before 1970 too
	Owner  Owner      // zero: not kept
	Xattrs []Xattr    // extended attributes in ascending byte order of names; XattrsMax in all
	Links  Links      // File: zero if it has no other name
	Tree   chunker.ID // Dir: the directory's attributes node

	// Of a directory's entry that was read, the node that is called Tree, if it
	// stands in the entry: see InlineNode. It is never changed. Who gives an
	// entry another Tree copies the whole Attr.
	node []byte
}

// Owner is a user and a group, by number. If it is not Known, both are 0.
type Owner struct {
	Known    bool
	UID, GID uint32 // at most OwnerMax
}

// Xattr is an extended attribute. Name and Value are bytes, not necessarily
// UTF-8; a name has 1 to NameMax bytes without NUL.
type Xattr struct{ Name, Value string }

// Summary adds up a directory, so that a stat or a progress bar needs no walk.
type Summary struct {
	Entries int64 // names in this directory
	Subdirs int64 // of these, directories (a directory's link count is Subdirs+2)
	Files   int64 // all that is not a directory, here and below
	Bytes   int64 // their sizes added up
}

// Content says where a file's bytes are: Segments if they are few, else List,
// the node of a chunk list tree. An empty file has neither.
type Content struct {
	Segments []Segment
	List     chunker.ID
	Count    int64 // segments in List; 0 without one
}

// Segment is a run of a file's bytes: a chunk, or zeros (ID is zero).
type Segment struct {
	ID     chunker.ID
	Length int64 // bytes, above 0
}

// Zero reports whether the segment is a run of zeros, which no chunk holds.
func (s Segment) Zero() bool { return s.ID.IsZero() }

// Limits, in bytes unless said otherwise. Encoders refuse and decoders reject
// what exceeds them.
const (
	NameMax        = 255
	TargetMax      = 4095
	NodeMax        = 256 << 10 // one node
	EntryMax       = 64 << 10  // one entry of a node, with the ids it refers to
	XattrsMax      = 60 << 10  // the extended attributes of an entry, as encoded; leaves room for the rest
	OwnerMax       = 1<<32 - 2 // not bytes: the largest uid and gid; the next one means "none" to systems
	DepthMax       = 32        // levels of nodes in one directory or chunk list
	NestingMax     = 4096      // directories inside each other
	InlineSegments = 16        // a file with more has a chunk list tree
	InlineAttrs    = 1 << 10   // a directory's attributes leaf that stands in its parent: entries, with the ids they refer to
)

// Sink stores nodes. deps are the ids that the node lists: the nodes first,
// then the data chunks; all of them have been stored before. Sink keeps neither
// slice. Implementations name the node by kind.Sum(data).
type Sink interface {
	PutNode(ctx context.Context, kind chunker.Kind, data []byte, deps []chunker.ID) (chunker.ID, error)
}

// Source reads chunks. What it returns has been verified against id and kind,
// is shared, and must not be changed. Safe for concurrent use.
type Source interface {
	Chunk(ctx context.Context, kind chunker.Kind, id chunker.ID) ([]byte, error)
}

// Announcer is an optional power of a Source: it can find out for many chunks at
// once where they are.
type Announcer interface {
	// Announce says that data chunks are likely to be asked for soon. It may do
	// nothing; whatever fails is met again by Chunk. It keeps nothing of ids, and
	// passes over zero ones.
	Announce(ctx context.Context, ids []chunker.ID)
}

// Announce tells src, if it cares.
func Announce(ctx context.Context, src Source, ids []chunker.ID) {
	if a, ok := src.(Announcer); ok {
		a.Announce(ctx, ids)
	}
}
