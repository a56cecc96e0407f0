package source

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// tarRow is what is kept of a tar entry until its turn comes. It lives for one
// walk only, so its encoding is nobody's format.
type tarRow struct {
	kind    manifest.Kind
	exec    bool
	maybe   bool // a directory that is kept only if something in it is
	seq     uint64
	since   uint64 // what is below and came before this one is gone
	group   uint64 // seq of the entry that the hard links of this file name; 0: it has none
	attr    manifest.Attr
	target  string
	size    int64
	content manifest.Content
}

// tarKey is a path as a key. NUL sorts below every byte of a name, so keys sort
// in the order of a walk: "a", "a/b", "a-b".
func tarKey(path []string) string { return strings.Join(path, "\x00") }

func (r tarRow) encode() []byte {
	owner := r.attr.Owner
	b := []byte{byte(r.kind), flag(r.exec) | flag(r.maybe)<<1 | flag(owner.Known)<<2}
	for _, u := range []uint64{r.seq, r.since, r.group, uint64(r.attr.Mode), uint64(r.size), uint64(r.content.Count), uint64(len(r.content.Segments))} {
		b = binary.AppendUvarint(b, u)
	}
	b = binary.AppendVarint(b, r.attr.MTime.Unix())
	b = binary.AppendUvarint(b, uint64(r.attr.MTime.Nanosecond()))
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(owner.UID)), uint64(owner.GID))
	b = binary.AppendUvarint(b, uint64(len(r.attr.Xattrs)))
	for _, x := range r.attr.Xattrs {
		b = wire.AppendCounted(wire.AppendCounted(b, x.Name), x.Value)
	}
	b = wire.AppendCounted(b, r.target)
	b = append(b, r.content.List[:]...)
	for _, s := range r.content.Segments {
		b = append(b, s.ID[:]...)
		b = binary.AppendUvarint(b, uint64(s.Length))
	}
	return b
}

func decodeTarRow(b []byte) (row tarRow, err error) {
	const any = 1<<64 - 1
	r := wire.NewReader(b)
	row.kind = manifest.Kind(r.U8())
	flags := r.U8()
	row.exec, row.maybe = flags&1 != 0, flags&2 != 0
	row.attr.Owner.Known = flags&4 != 0
	row.seq, row.since, row.group = r.Uvarint(any), r.Uvarint(any), r.Uvarint(any)
	row.attr.Mode = uint32(r.Uvarint(1<<32 - 1))
	row.size = int64(r.Uvarint(any))
	row.content.Count = int64(r.Uvarint(any))
	segments := r.Uvarint(uint64(r.Len()))
	row.attr.MTime = time.Unix(r.Varint(), int64(r.Uvarint(1e9-1))).UTC()
	row.attr.Owner.UID, row.attr.Owner.GID = uint32(r.Uvarint(manifest.OwnerMax)), uint32(r.Uvarint(manifest.OwnerMax))
	for range r.Uvarint(uint64(r.Len())) {
		x := manifest.Xattr{Name: string(r.Counted(manifest.NameMax))}
		x.Value = string(r.Counted(manifest.XattrsMax))
		row.attr.Xattrs = append(row.attr.Xattrs, x)
	}
	row.target = string(r.Counted(manifest.TargetMax))
	row.content.List = r.ID()
	for range segments {
		row.content.Segments = append(row.content.Segments, manifest.Segment{ID: r.ID(), Length: int64(r.Uvarint(any))})
	}
	if err := r.Done(); err != nil {
		return row, fmt.Errorf("read a sorted tar entry: %w", err)
	}
	return row, nil
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// entry is the row as a Visitor takes it.
func (r tarRow) entry(name string) manifest.Entry {
	return manifest.Entry{Name: name, Kind: r.kind, Exec: r.exec, Size: r.size, Target: r.target, Content: r.content, Attr: r.attr}
}
