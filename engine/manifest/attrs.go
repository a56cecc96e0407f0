package manifest

import (
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// attrsView is a decoded entry of an attributes leaf.
type attrsView struct {
	mode    uint32
	sec     int64
	nsec    int64
	subtree chunker.ID // zero: none, or it is inline
	inline  inlineTree // entries is nil: none, or it is stored
	owner   Owner
	xattrs  []byte // encoded
	links   Links
	unknown unknownView
}

// field decodes one known field.
func (a *attrsView) field(tag uint64, v *wire.Reader, own *deps) {
	switch tag {
	case tagMode:
		a.mode = uint32(v.Uvarint(07777))
	case tagMTime:
		a.sec, a.nsec = v.Varint(), int64(v.Uvarint(1e9-1))
	case tagSubtree:
		a.subtree = own.node(v)
	case tagInline:
		a.inline = readInline(v, own)
	case tagUID:
		a.owner.UID = uint32(v.Uvarint(OwnerMax))
	case tagGID:
		a.owner.GID = uint32(v.Uvarint(OwnerMax))
	case tagXattrs:
		a.xattrs = v.Bytes(v.Len())
		checkXattrs(a.xattrs, v)
	case tagLinks:
		copy(a.links.Group[:], v.Bytes(len(a.links.Group)))
		a.links.Count = uint32(v.Uvarint(1<<32 - 1))
		if why := a.links.check(); why != "" {
			v.Failf("%s", why)
		}
	}
}

// check says whether the fields fit together.
func (a *attrsView) check(r *wire.Reader, have uint64) {
	const always, ids = 1<<tagMode | 1<<tagMTime, 1<<tagUID | 1<<tagGID
	const trees = 1<<tagSubtree | 1<<tagInline
	if have&always != always {
		r.Failf("an entry without mode or time")
	}
	if a.owner.Known = have&ids == ids; !a.owner.Known && have&ids != 0 {
		r.Failf("a uid without a gid, or the other way round")
	}
	if have&trees == trees {
		r.Failf("a subtree that is stored and inline")
	}
	if have&trees != 0 && have&(1<<tagLinks) != 0 {
		r.Failf("a directory with hard links")
	}
}

// dir reports whether these are attributes of a directory that is no root.
func (a *attrsView) dir() bool { return a.inline.entries != nil || !a.subtree.IsZero() }

// fill copies the attributes into e.
func (a *attrsView) fill(e *Entry) {
	e.Attr = Attr{
		Mode: a.mode, MTime: time.Unix(a.sec, a.nsec).UTC(),
		Owner: a.owner, Xattrs: xattrs(a.xattrs), Links: a.links, Tree: a.subtree,
	}
	if a.inline.entries != nil {
		e.Attr.setInline(a.inline.node())
	}
	if a.unknown.count > 0 {
		e.setUnknown().attrs = a.unknown.fields()
	}
}
