package index

import (
	"encoding/binary"
	"fmt"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// Rows. Keys begin with a table byte; numbers in keys are big-endian so that
// they sort, numbers in values little-endian. Checkpoints hold these rows as
// they are, but for the local tables.
//
//	table  key                          value
//	c      domain (4), chunk id (32)    pack (4) frame (4) offset (4) length (4) refs (4) kind (1) zero (1)
//	f      pack (4), frame (4)          offset (8) stored (4) raw (4) entries (4) crc (4) codec (1)
//	p      pack (4)                     id (32) class (1) size (8) chunks (4) raw (8) live raw (8)
//	i      pack id (32)                 pack (4, big-endian)
//	r      registry key                 registry row
//	t      -                            totals: chunks, unique bytes, nodes, node bytes, packs, pack bytes, next pack (8 each)
//	s      session id (16)              local: epoch (8) lease (8) pid (8) start of it (8)
//	m      name                         local: position, store and writer of this index
//	l      its owner's                  local: see LocalBatch
//	b      part (2)                     local: part of the filter; without the part, its format (1)
//	n      number (8)                   local: keys (8 each) that its parts do not have yet
const (
	tableChunk   = 'c'
	tableFrame   = 'f'
	tablePack    = 'p'
	tablePackID  = 'i'
	tableRow     = 'r'
	tableTotals  = 't'
	tableSession = 's'
	tableMeta    = 'm'
	tableLocal   = 'l'
	tableFilter  = 'b'
	tableNewKeys = 'n'
)

const (
	locationLen = 22
	frameLen    = 25
	packLen     = 61
	totalsLen   = 56
)

// domain is the dedup domain of every chunk until there are tenants.
const domain = 0

func chunkKey(id chunker.ID) []byte { return append(chunkPrefix(), id[:]...) }

func chunkPrefix() []byte {
	b := make([]byte, 0, 1+4+chunker.IDSize)
	return binary.BigEndian.AppendUint32(append(b, tableChunk), domain)
}

func frameKey(pack, frame uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte{tableFrame}, pack), frame)
}

func packKey(n uint32) []byte { return binary.BigEndian.AppendUint32([]byte{tablePack}, n) }

// packNumberIn reads a pack's number as it stands in keys and behind pack ids.
func packNumberIn(b []byte) (uint32, error) {
	if len(b) != 4 {
		return 0, fmt.Errorf("index has a bad pack number: %w: %d bytes", wire.ErrMalformed, len(b))
	}
	return binary.BigEndian.Uint32(b), nil
}

func packIDKey(id packfile.ID) []byte { return append([]byte{tablePackID}, id[:]...) }

func rowKey(key []byte) []byte { return append([]byte{tableRow}, key...) }

func (l Location) encode() []byte { return l.append(make([]byte, 0, locationLen)) }

func (l Location) append(b []byte) []byte {
	for _, v := range [...]uint32{l.Pack, l.Frame, l.Offset, l.Length, l.Refs} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return append(b, byte(l.Kind), 0)
}

func decodeLocation(v []byte) (l Location, err error) {
	r := wire.NewReader(v)
	l = Location{Pack: r.U32(), Frame: r.U32(), Offset: r.U32(), Length: r.U32(), Refs: r.U32(), Kind: chunker.Kind(r.U8())}
	if z := r.U8(); z != 0 || !l.Kind.Valid() {
		r.Failf("%v, flags %#x", l.Kind, z)
	}
	return l, rowError("chunk", r)
}

func encodeFrame(f packfile.Frame) []byte {
	b := make([]byte, 0, frameLen)
	b = binary.LittleEndian.AppendUint64(b, uint64(f.Offset))
	b = binary.LittleEndian.AppendUint32(b, f.Stored)
	b = binary.LittleEndian.AppendUint32(b, f.Raw)
	b = binary.LittleEndian.AppendUint32(b, f.Entries)
	b = binary.LittleEndian.AppendUint32(b, f.CRC)
	return append(b, byte(f.Codec))
}

func decodeFrame(v []byte) (f packfile.Frame, err error) {
	r := wire.NewReader(v)
	f = packfile.Frame{Offset: int64(r.U64()), Stored: r.U32(), Raw: r.U32(), Entries: r.U32(), CRC: r.U32(), Codec: packfile.Codec(r.U8())}
	return f, rowError("frame", r)
}

func (p Pack) encode() []byte {
	b := append(make([]byte, 0, packLen), p.ID[:]...)
	b = append(b, byte(p.Class))
	b = binary.LittleEndian.AppendUint64(b, uint64(p.Size))
	b = binary.LittleEndian.AppendUint32(b, p.Chunks)
	b = binary.LittleEndian.AppendUint64(b, uint64(p.Raw))
	return binary.LittleEndian.AppendUint64(b, uint64(p.LiveRaw))
}

func decodePack(v []byte) (p Pack, err error) {
	r := wire.NewReader(v)
	p = Pack{ID: packfile.ID(r.ID()), Class: packfile.Class(r.U8()), Size: int64(r.U64()), Chunks: r.U32(), Raw: int64(r.U64()), LiveRaw: int64(r.U64())}
	return p, rowError("pack", r)
}

// Totals add up the index.
type Totals struct {
	Chunks, UniqueBytes int64 // data chunks and their bytes before compression
	Nodes, NodeBytes    int64
	Packs, PackBytes    int64  // objects and their sizes
	NextPack            uint64 // number the next pack gets
}

func (t Totals) encode() []byte {
	b := make([]byte, 0, totalsLen)
	for _, v := range [...]int64{t.Chunks, t.UniqueBytes, t.Nodes, t.NodeBytes, t.Packs, t.PackBytes, int64(t.NextPack)} {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return b
}

func decodeTotals(v []byte) (t Totals, err error) {
	r := wire.NewReader(v)
	n := func() int64 { return int64(r.U64()) }
	t = Totals{Chunks: n(), UniqueBytes: n(), Nodes: n(), NodeBytes: n(), Packs: n(), PackBytes: n(), NextPack: r.U64()}
	return t, rowError("totals", r)
}

// checkRow refuses an exported row that is not of the shape this version
// writes, so that nobody who reads the index need expect one. What is in
// registry rows is the registry's.
func checkRow(k, v []byte) (err error) {
	if len(k) == 0 {
		return errKey
	}
	want := 0
	switch k[0] {
	case tableChunk:
		want = len(chunkPrefix()) + chunker.IDSize
		_, err = decodeLocation(v)
	case tableFrame:
		want = 1 + 4 + 4
		_, err = decodeFrame(v)
	case tablePack:
		want = 1 + 4
		_, err = decodePack(v)
	case tablePackID:
		want = 1 + len(packfile.ID{})
		_, err = packNumberIn(v)
	case tableTotals:
		want = 1
		_, err = decodeTotals(v)
	case tableRow:
		want = len(k)
	}
	if err == nil && len(k) != want {
		err = errKey
	}
	return err
}

var errKey = fmt.Errorf("%w: a key of no table", wire.ErrMalformed)

func rowError(what string, r *wire.Reader) error {
	if err := r.Done(); err != nil {
		return fmt.Errorf("index has a bad %s row: %w", what, err)
	}
	return nil
}
