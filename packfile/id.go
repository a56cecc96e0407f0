package packfile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// ID names a pack: BLAKE3-256 of all its bytes. String and ParseID are
// inverses.
type ID [32]byte

// ErrBadID is returned for anything but 64 lower-case hex digits, and for keys
// that Key would not make.
var ErrBadID = errors.New("not a pack id: want 64 lower-case hex digits")

// Prefix begins the key of every pack; listing it finds them all.
const Prefix = "packs/"

// ParseID reads what String writes.
func ParseID(s string) (ID, error) {
	var id ID
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) || hex.EncodeToString(b) != s {
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

// Key is where a store keeps the pack: packs/<first 2 digits>/<all 64>. The
// middle spreads packs over 256 directories in stores that have them.
func Key(id ID) string {
	s := id.String()
	return Prefix + s[:2] + "/" + s
}

// ParseKey is the inverse of Key; any other key is ErrBadID.
func ParseKey(key string) (ID, error) {
	id, err := ParseID(key[strings.LastIndexByte(key, '/')+1:])
	if err != nil || Key(id) != key {
		return ID{}, fmt.Errorf("pack key %q: %w", key, ErrBadID)
	}
	return id, nil
}
