package manifest

import (
	"github.com/zeebo/blake3"
)

// Links says that a file has several names, as link(2) makes them. All names
// of one file in a version have the same Group, and the same content and
// attributes: see Entry.LinkKey.
type Links struct {
	Group [16]byte // see LinkGroup
	Count uint32   // names the file had where it was read, at least 2; the version need not have them all
}

// IsZero reports whether l is that of a file with one name.
func (l Links) IsZero() bool { return l == Links{} }

// check says what is wrong with a group that is not zero, or "".
func (l Links) check() string {
	if l.Group == [16]byte{} || l.Count < 2 {
		return "a hard-link group of zeros, or of fewer than two names"
	}
	return ""
}

// Contexts that keep groups and keys apart from each other and from all else.
const (
	linkGroupContext = "afs-engine 2026 v1 hard-link group"
	linkKeyContext   = "afs-engine 2026 v1 hard-link key"
)

// LinkGroup is the group of a file whose first name, in the order of a walk,
// has the given path, so that it is the same on every machine:
// BLAKE3 in derive-key mode, of which the first 16 bytes are kept.
func LinkGroup(path string) (group [16]byte) {
	h := blake3.NewDeriveKey(linkGroupContext)
	h.WriteString(path)
	h.Digest().Read(group[:])
	return group
}

// LinkKey identifies the file that e is a name of, if it may have others: two
// entries of one version are names of one file if their keys are equal. The
// key covers group, content and attributes, so that whatever a manifest
// claims, a name never gets the bytes or the mode of another file.
func (e *Entry) LinkKey() (key [16]byte, ok bool) {
	if e.Kind != File || e.Attr.Links.IsZero() {
		return key, false
	}
	anonymous := *e
	anonymous.Name = ""
	h := blake3.NewDeriveKey(linkKeyContext)
	var p piece
	for _, encode := range []func(*Entry, uint64) error{p.content, p.attrs} {
		if encode(&anonymous, 0) != nil {
			return key, false // larger than any entry that was read
		}
		h.Write(p.body)
		for _, id := range p.nodes {
			h.Write(id[:])
		}
		for _, id := range p.chunks {
			h.Write(id[:])
		}
	}
	h.Digest().Read(key[:])
	return key, true
}
