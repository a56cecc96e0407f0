package commitlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/zeebo/blake3"

	"github.com/artifortress/afs-engine/packfile/wire"
)

// A log object, integers little-endian:
//
//	offset size
//	     0    8  magic "AFSLOG\x00\x01"
//	     8    2  format version, 1
//	    10    2  header length, 112
//	    12    4  number of records
//	    16    8  sequence
//	    24    8  epoch
//	    32   16  nonce
//	    48   32  digest of the group before (zeros for the first)
//	    80    8  time, nanoseconds since 1970 (signed)
//	    88    4  compatible feature flags
//	    92    4  read-only compatible feature flags
//	    96    4  incompatible feature flags
//	   100   12  reserved, zero
//	   112       records: kind (1), varint length, body
//	  last   32  digest: BLAKE3-256 of everything before it
//
// The digest at the end is what the next group refers to.
const (
	magic        = "AFSLOG\x00\x01"
	format       = 1
	headerLen    = 112
	digestLen    = 32
	recordMinLen = 2
)

// Limits of a group.
const (
	GroupMax   = 32 << 20 // bytes of one object
	RecordsMax = 1 << 16
)

// ErrUnknown is wrapped when a group or a checkpoint needs a newer reader, and
// by Append when the log needs a newer writer.
var ErrUnknown = errors.New("the commit log needs a newer version")

func encode(g *Group) ([]byte, Digest, error) {
	if len(g.Records) > RecordsMax {
		return nil, Digest{}, fmt.Errorf("log group of %d records: the limit is %d", len(g.Records), RecordsMax)
	}
	b := make([]byte, 0, 512)
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint16(b, format)
	b = binary.LittleEndian.AppendUint16(b, headerLen)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(g.Records)))
	b = binary.LittleEndian.AppendUint64(b, g.Sequence)
	b = binary.LittleEndian.AppendUint64(b, g.Epoch)
	b = append(b, g.Nonce[:]...)
	b = append(b, g.Prev[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(g.Time.UnixNano()))
	b = binary.LittleEndian.AppendUint32(b, 0) // compatible flags: none exist yet
	b = binary.LittleEndian.AppendUint32(b, g.readOnly)
	b = append(b, make([]byte, headerLen-len(b))...)
	for _, r := range g.Records {
		b = append(b, byte(r.Kind))
		b = wire.AppendCounted(b, r.Body)
	}
	d := Digest(blake3.Sum256(b))
	b = append(b, d[:]...)
	if len(b) > GroupMax {
		return nil, d, fmt.Errorf("log group of %d bytes: the limit is %d", len(b), GroupMax)
	}
	return b, d, nil
}

func decode(b []byte) (*Group, Digest, error) {
	var d Digest
	if len(b) < headerLen+digestLen {
		return nil, d, fmt.Errorf("%w: %d bytes are too few for a log object", wire.ErrMalformed, len(b))
	}
	body, tail := b[:len(b)-digestLen], b[len(b)-digestLen:]
	if d = blake3.Sum256(body); string(d[:]) != string(tail) {
		return nil, d, fmt.Errorf("%w: log object does not match its digest", wire.ErrMalformed)
	}
	r := wire.NewReader(body)
	if string(r.Bytes(len(magic))) != magic {
		r.Failf("not a log object")
	}
	if v := r.U16(); r.Err() == nil && v != format {
		return nil, d, fmt.Errorf("%w: format %d", ErrUnknown, v)
	}
	if n := r.U16(); r.Err() == nil && n != headerLen {
		r.Failf("header length %d", n)
	}
	count := int(r.U32())
	g := &Group{Sequence: r.U64(), Epoch: r.U64()}
	copy(g.Nonce[:], r.Bytes(len(g.Nonce)))
	copy(g.Prev[:], r.Bytes(len(g.Prev)))
	g.Time = time.Unix(0, int64(r.U64()))
	r.U32() // compatible flags may be ignored
	g.readOnly = r.U32()
	if f := r.U32(); f != 0 {
		return nil, d, fmt.Errorf("%w: incompatible feature flags %#x", ErrUnknown, f)
	}
	r.Bytes(headerLen - r.Pos())
	if count > RecordsMax || count > r.Len()/recordMinLen {
		r.Failf("%d records in %d bytes", count, r.Len())
	}
	for i := 0; i < count && r.Err() == nil; i++ {
		g.Records = append(g.Records, Record{Kind: Kind(r.U8()), Body: r.Counted(r.Len())})
	}
	return g, d, r.Done()
}
