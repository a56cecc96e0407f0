package commitlog

import (
	"fmt"

	"github.com/artifortress/afs-engine/packfile"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// PackAdded says that a sealed pack is in the store and belongs to it from now
// on. Its chunks are located by its own index block.
//
//	field 1  pack id (32)
//	field 2  class (varint)
//	field 3  size of the object in bytes (varint)
type PackAdded struct {
	ID    packfile.ID
	Class packfile.Class
	Size  int64
}

// Record encodes p.
func (p PackAdded) Record() Record {
	b := AppendField(nil, 1, p.ID[:])
	b = AppendNumber(b, 2, uint64(p.Class))
	b = AppendNumber(b, 3, uint64(p.Size))
	return Record{KindPackAdded, b}
}

// DecodePackAdded reads the body of a KindPackAdded record.
func DecodePackAdded(body []byte) (p PackAdded, err error) {
	err = ReadFields(body, func(tag uint64, r *wire.Reader) {
		switch tag {
		case 1:
			p.ID = packfile.ID(r.ID())
		case 2:
			p.Class = packfile.Class(r.Uvarint(255))
		case 3:
			p.Size = int64(r.Uvarint(1 << 62))
		}
	})
	if err == nil && (p.ID.IsZero() || p.Size <= 0) {
		err = fmt.Errorf("%w: pack record without id or size", wire.ErrMalformed)
	}
	return p, err
}

// A takeover's body is one field:
//
//	field 1  the new writer's id (16)
func takeoverRecord(w WriterID) Record {
	return Record{KindTakeover, AppendField(nil, 1, w[:])}
}

func decodeTakeover(body []byte) (w WriterID, err error) {
	err = ReadFields(body, func(tag uint64, r *wire.Reader) {
		if tag == 1 {
			copy(w[:], r.Bytes(len(w)))
		}
	})
	if err == nil && w == (WriterID{}) {
		err = fmt.Errorf("%w: takeover without a writer", wire.ErrMalformed)
	}
	return w, err
}

// Checkpointed says that a checkpoint of the log up to Sequence is complete.
//
//	field 1  sequence (varint)
//	field 2  digest of the checkpoint's manifest (32)
type Checkpointed struct {
	Sequence uint64
	Manifest Digest
}

// Record encodes c.
func (c Checkpointed) Record() Record {
	return Record{KindCheckpoint, AppendField(AppendNumber(nil, 1, c.Sequence), 2, c.Manifest[:])}
}
