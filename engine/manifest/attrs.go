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
	subtree chunker.ID // zero: not a directory, or the root
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
	}
}

// check says whether the fields that every entry has were there.
func (a *attrsView) check(r *wire.Reader, have uint) {
	if have&^(1<<tagSubtree) != 1<<tagMode|1<<tagMTime {
		r.Failf("an entry without mode or time")
	}
}

// fill copies the attributes into e.
func (a *attrsView) fill(e *Entry) {
	e.Attr = Attr{Mode: a.mode, MTime: time.Unix(a.sec, a.nsec).UTC(), Tree: a.subtree}
	if a.unknown.count > 0 {
		e.setUnknown().attrs = a.unknown.fields()
	}
}
