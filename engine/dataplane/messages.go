package dataplane

import (
	"encoding/binary"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// Names of the calls.
const (
	callHello   = "hello"
	callHas     = "has"
	callLookup  = "lookup"
	callFrames  = "frames"
	callGet     = "get"
	callPage    = "page"
	callKnown   = "known"
	callLearn   = "learn"
	callRenew   = "renew"
	callEnd     = "end"
	callCommit  = "commit"
	callState   = "state"
	callPacks   = "packs"
	callRebuild = "rebuild"
)

// hello is the first call of a connection, and its answer.
type hello struct {
	Protocol int
	Program  string // name/version
	Store    string // id
}

// reply is the answer to a call: a value, or why there is none.
type reply[T any] struct {
	Value T
	Fail  *failure
}

type none struct{}

type idsQuery struct{ IDs []byte } // 32 bytes each

type hasReply struct{ Have []byte } // a byte each, 0 or 1

type lookupReply struct{ Places []byte } // placeLen bytes each

type framesQuery struct{ Frames []FrameID }

type framesReply struct{ Places []byte } // framePlaceLen bytes each

type getQuery struct{ Key []byte }

type getReply struct {
	Value []byte
	OK    bool
}

type pageQuery struct {
	Prefix, From []byte
	Size         int
}

type pageReply struct {
	Rows []Row
	More bool
}

type sessionQuery struct{ Session index.SessionID }

type commitReply struct{ Outcomes []outcome }

type outcome struct {
	Outcome
	Fail *failure
}

type packsQuery struct{ From uint32 }

type packsReply struct {
	Packs []NumberedPack
	More  bool
}

func packIDs(ids []chunker.ID) []byte {
	b := make([]byte, 0, len(ids)*len(chunker.ID{}))
	for i := range ids {
		b = append(b, ids[i][:]...)
	}
	return b
}

func unpackIDs(b []byte) ([]chunker.ID, error) {
	const size = len(chunker.ID{})
	if len(b)%size != 0 || len(b) > IDsMax*size {
		return nil, badMessage("%d bytes of ids", len(b))
	}
	ids := make([]chunker.ID, len(b)/size)
	for i := range ids {
		ids[i] = chunker.ID(b[i*size:])
	}
	return ids, nil
}

// A Place: pack, frame, offset, length, refs (4 each), kind, found (1 each). A
// FramePlace: pack's id (32), offset (8), stored, raw, CRC, entries (4 each),
// codec (1), extension (2). Little-endian.
const (
	placeLen      = 22
	framePlaceLen = 32 + 8 + 16 + 3
)

func packPlaces(places []Place) []byte {
	b := make([]byte, 0, len(places)*placeLen)
	for i := range places {
		p := &places[i]
		for _, v := range []uint32{p.Pack, p.Frame, p.Offset, p.Length, p.Refs} {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		b = append(b, byte(p.Kind), 0)
		if p.Found {
			b[len(b)-1] = 1
		}
	}
	return b
}

func unpackPlaces(b []byte, places []Place) error {
	if len(b) != len(places)*placeLen {
		return badMessage("%d bytes of places, not %d", len(b), len(places)*placeLen)
	}
	for i := range places {
		r := b[i*placeLen:]
		u32 := func(n int) uint32 { return binary.LittleEndian.Uint32(r[4*n:]) }
		places[i].Pack, places[i].Frame, places[i].Offset, places[i].Length, places[i].Refs = u32(0), u32(1), u32(2), u32(3), u32(4)
		places[i].Kind, places[i].Found = chunker.Kind(r[20]), r[21] == 1
	}
	return nil
}

func packFramePlaces(places []FramePlace) []byte {
	b := make([]byte, 0, len(places)*framePlaceLen)
	for i := range places {
		p := &places[i]
		b = append(b, p.Pack[:]...)
		b = binary.LittleEndian.AppendUint64(b, uint64(p.Offset))
		for _, v := range []uint32{p.Stored, p.Raw, p.CRC, p.Entries} {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		b = binary.LittleEndian.AppendUint16(append(b, byte(p.Codec)), p.Extension)
	}
	return b
}

func unpackFramePlaces(b []byte, places []FramePlace) error {
	if len(b) != len(places)*framePlaceLen {
		return badMessage("%d bytes of frames, not %d", len(b), len(places)*framePlaceLen)
	}
	for i := range places {
		r := b[i*framePlaceLen:]
		p := &places[i]
		p.Pack, r = packfile.ID(r), r[32:]
		p.Offset, r = int64(binary.LittleEndian.Uint64(r)), r[8:]
		u32 := func(n int) uint32 { return binary.LittleEndian.Uint32(r[4*n:]) }
		p.Stored, p.Raw, p.CRC, p.Entries = u32(0), u32(1), u32(2), u32(3)
		p.Codec, p.Extension = packfile.Codec(r[16]), binary.LittleEndian.Uint16(r[17:])
	}
	return nil
}
