package chunker

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/zeebo/blake3"
)

// IDSize is the length of an ID in bytes.
const IDSize = 32

// ID names a chunk by its content: BLAKE3-256 of the plain bytes, in the mode
// that the chunk's Kind prescribes. String and ParseID are inverses.
type ID [IDSize]byte

// ErrBadID is returned by ParseID for anything but 64 lower-case hex digits.
var ErrBadID = errors.New("not a chunk id: want 64 lower-case hex digits")

// ParseID reads what String writes.
func ParseID(s string) (ID, error) {
	var id ID
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != IDSize || hex.EncodeToString(b) != s {
		return id, fmt.Errorf("%w: %q", ErrBadID, s)
	}
	copy(id[:], b)
	return id, nil
}

// String is the id as 64 lower-case hex digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether id is the zero value, which names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText is String; it makes an ID a JSON string.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is ParseID.
func (id *ID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseID(string(b))
	return err
}

// Kind says what a chunk holds, and with it how its id is computed. The
// numbers are wire format.
type Kind uint8

// Data is a piece of an artifact. The others are manifest nodes: pages of the
// Merkle trees that describe a version. A data chunk whose bytes happen to
// look like a node still has another id, because each node kind hashes in a
// context of its own.
const (
	Data      Kind = 0
	DirNode   Kind = 1 // a page of a directory
	ListNode  Kind = 2 // a page of a chunk list
	AttrsNode Kind = 3 // a page of a directory's attributes
)

// The derive-key contexts are wire format: changing one renames every node.
var contexts = [...]string{
	DirNode:   "afs-engine 2026 v1 directory node",
	ListNode:  "afs-engine 2026 v1 chunk list node",
	AttrsNode: "afs-engine 2026 v1 attributes node",
}

var nodeHashers = func() (h [len(contexts)]*blake3.Hasher) {
	for k := DirNode; int(k) < len(contexts); k++ {
		h[k] = blake3.NewDeriveKey(contexts[k])
	}
	return h
}()

// Valid reports whether k is a kind this version knows.
func (k Kind) Valid() bool { return int(k) < len(contexts) }

// IsNode reports whether k is a manifest node rather than data.
func (k Kind) IsNode() bool { return k != Data }

// String is the kind as a person reads it.
func (k Kind) String() string {
	switch k {
	case Data:
		return "data"
	case DirNode:
		return "directory node"
	case ListNode:
		return "chunk list node"
	case AttrsNode:
		return "attributes node"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Sum is the id of b as a chunk of kind k: plain BLAKE3-256 for data,
// BLAKE3 derive-key with the kind's context for nodes (BLAKE3 paper, §2.3).
// It panics if k is not Valid. Safe for concurrent use.
func (k Kind) Sum(b []byte) ID {
	if k == Data {
		return blake3.Sum256(b)
	}
	h := nodeHashers[k].Clone()
	h.Write(b)
	var id ID
	h.Sum(id[:0])
	return id
}

// Sum is the id of b as data.
func Sum(b []byte) ID { return Data.Sum(b) }
