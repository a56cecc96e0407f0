package commitlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/blake3"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// A checkpoint is the projection of the log up to a sequence, as sorted rows
// of key and value, so that opening a store on a new machine need not read
// everything since its first day. It consists of parts and, written last, a
// manifest that makes it count:
//
//	checkpoints/<20-digit sequence>/part-<8 digits>
//	checkpoints/<20-digit sequence>/manifest
//
// A part is one zstd frame, which states its content size, of rows: each a
// counted key and a counted value. The manifest, integers little-endian:
//
//	offset size
//	     0    8  magic "AFSCKPT\x01"
//	     8    2  format version, 1
//	    10    2  reserved, zero
//	    12    4  number of parts
//	    16    8  sequence
//	    24   32  digest of that log group
//	    56    8  epoch
//	    64   16  writer
//	    80    8  number of rows
//	    88    4  incompatible feature flags
//	    92    4  read-only compatible feature flags of the log so far
//	    96       parts: stored length (4), raw length (4), BLAKE3-256 of the stored bytes (32)
//	  last   32  BLAKE3-256 of everything before it
const (
	checkpointPrefix = "checkpoints/"
	checkpointMagic  = "AFSCKPT\x01"
	checkpointHeader = 96
	partEntryLen     = 40
	partRaw          = 4 << 20  // a part is closed when its rows reach this many bytes
	partMax          = 16 << 20 // a reader accepts no larger part
	partsMax         = 1 << 20
)

// Checkpoint describes a complete checkpoint.
type Checkpoint struct {
	Position Position
	Rows     uint64
	Digest   Digest // of the manifest
	parts    []part
}

type part struct {
	stored, raw uint32
	sum         Digest
}

func checkpointKey(seq uint64, name string) string {
	return fmt.Sprintf("%s%020d/%s", checkpointPrefix, seq, name)
}

func partName(i int) string { return fmt.Sprintf("part-%08d", i) }

// WriteCheckpoint stores the rows that each passes to its argument, which must
// be those of pos exactly, as a checkpoint; if each fails there is none. Parts
// left by an attempt that did not finish are replaced.
func WriteCheckpoint(ctx context.Context, s backends.Store, pos Position, each func(row func(k, v []byte) error) error) (*Checkpoint, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithSingleSegment(true))
	if err != nil {
		return nil, err
	}
	defer enc.Close()
	c := &Checkpoint{Position: pos}
	var raw []byte
	flush := func() error {
		stored := enc.EncodeAll(raw, nil)
		if max(len(raw), len(stored)) > partMax || len(c.parts) == partsMax {
			return fmt.Errorf("write checkpoint: part %d of %d bytes is more than a reader accepts", len(c.parts), len(raw))
		}
		key := checkpointKey(pos.Sequence, partName(len(c.parts)))
		if err := replace(ctx, s, key, stored); err != nil {
			return err
		}
		c.parts = append(c.parts, part{uint32(len(stored)), uint32(len(raw)), blake3.Sum256(stored)})
		raw = raw[:0]
		return nil
	}
	err = each(func(k, v []byte) error {
		raw = wire.AppendCounted(wire.AppendCounted(raw, k), v)
		c.Rows++
		if len(raw) >= partRaw {
			return flush()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(raw) > 0 {
		if err := flush(); err != nil {
			return nil, err
		}
	}
	m := c.encode()
	c.Digest = Digest(m[len(m)-digestLen:])
	return c, replace(ctx, s, checkpointKey(pos.Sequence, "manifest"), m)
}

func replace(ctx context.Context, s backends.Store, key string, b []byte) error {
	err := s.Put(ctx, key, bytes.NewReader(b))
	if errors.Is(err, backends.ErrExist) {
		if err = s.Delete(ctx, key); err == nil {
			err = s.Put(ctx, key, bytes.NewReader(b))
		}
	}
	if err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	return nil
}

func (c *Checkpoint) encode() []byte {
	b := append([]byte(nil), checkpointMagic...)
	b = binary.LittleEndian.AppendUint16(b, format)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.parts)))
	b = binary.LittleEndian.AppendUint64(b, c.Position.Sequence)
	b = append(b, c.Position.Digest[:]...)
	b = binary.LittleEndian.AppendUint64(b, c.Position.Epoch)
	b = append(b, c.Position.Writer[:]...)
	b = binary.LittleEndian.AppendUint64(b, c.Rows)
	b = binary.LittleEndian.AppendUint32(b, 0) // incompatible flags: none exist yet
	b = binary.LittleEndian.AppendUint32(b, c.Position.ReadOnly)
	for _, p := range c.parts {
		b = binary.LittleEndian.AppendUint32(b, p.stored)
		b = binary.LittleEndian.AppendUint32(b, p.raw)
		b = append(b, p.sum[:]...)
	}
	sum := blake3.Sum256(b)
	return append(b, sum[:]...)
}

func decodeCheckpoint(b []byte) (*Checkpoint, error) {
	if len(b) < checkpointHeader+digestLen {
		return nil, fmt.Errorf("%w: %d bytes are too few for a checkpoint manifest", wire.ErrMalformed, len(b))
	}
	body := b[:len(b)-digestLen]
	c := &Checkpoint{Digest: blake3.Sum256(body)}
	if !bytes.Equal(c.Digest[:], b[len(body):]) {
		return nil, fmt.Errorf("%w: checkpoint manifest does not match its digest", wire.ErrMalformed)
	}
	r := wire.NewReader(body)
	if string(r.Bytes(len(checkpointMagic))) != checkpointMagic {
		r.Failf("not a checkpoint manifest")
	}
	if v := r.U16(); r.Err() == nil && v != format {
		return nil, fmt.Errorf("%w: checkpoint format %d", ErrUnknown, v)
	}
	r.U16()
	n := int(r.U32())
	c.Position.Sequence = r.U64()
	copy(c.Position.Digest[:], r.Bytes(digestLen))
	c.Position.Epoch = r.U64()
	copy(c.Position.Writer[:], r.Bytes(len(c.Position.Writer)))
	c.Rows = r.U64()
	if f := r.U32(); f != 0 {
		return nil, fmt.Errorf("%w: checkpoint with incompatible feature flags %#x", ErrUnknown, f)
	}
	c.Position.ReadOnly = r.U32()
	if n > partsMax || n*partEntryLen != r.Len() {
		r.Failf("%d parts in %d bytes", n, r.Len())
	}
	for i := 0; i < n && r.Err() == nil; i++ {
		p := part{stored: r.U32(), raw: r.U32(), sum: Digest(r.ID())}
		if p.stored > partMax || p.raw > partMax {
			r.Failf("part %d is over %d bytes", i, partMax)
		}
		c.parts = append(c.parts, p)
	}
	return c, r.Done()
}

// Checkpoints lists the sequences of complete checkpoints, newest first.
func Checkpoints(ctx context.Context, s backends.Store) ([]uint64, error) {
	var seqs []uint64
	for info, err := range s.List(ctx, checkpointPrefix) {
		if err != nil {
			return nil, fmt.Errorf("list checkpoints: %w", err)
		}
		dir, _, _ := strings.Cut(strings.TrimPrefix(info.Key, checkpointPrefix), "/")
		if seq, err := strconv.ParseUint(dir, 10, 64); err == nil && info.Key == checkpointKey(seq, "manifest") {
			seqs = append(seqs, seq)
		}
	}
	slices.Sort(seqs)
	slices.Reverse(seqs)
	return seqs, nil
}

// PruneCheckpoints deletes the checkpoints at seqs, each beginning with its
// manifest, so that what is left of one at any moment counts for nothing.
func PruneCheckpoints(ctx context.Context, s backends.Store, seqs []uint64) error {
	for _, seq := range seqs {
		if err := s.Delete(ctx, checkpointKey(seq, "manifest")); err != nil {
			return fmt.Errorf("prune checkpoints: %w", err)
		}
		for info, err := range s.List(ctx, checkpointKey(seq, "part-")) {
			if err == nil {
				err = s.Delete(ctx, info.Key)
			}
			if err != nil {
				return fmt.Errorf("prune checkpoints: %w", err)
			}
		}
	}
	return nil
}

// ReadCheckpoint calls row for every row of the checkpoint at seq, in order,
// each part's once that part has been verified: if it fails, what it has passed
// so far is of no use. The slices are valid until row returns.
func ReadCheckpoint(ctx context.Context, s backends.Store, seq uint64, row func(k, v []byte) error) (*Checkpoint, error) {
	key := checkpointKey(seq, "manifest")
	b, err := backends.ReadAll(ctx, s, key, 0, -1, checkpointHeader+partsMax*partEntryLen+digestLen)
	if err != nil {
		return nil, err
	}
	c, err := decodeCheckpoint(b)
	if err == nil && c.Position.Sequence != seq {
		err = fmt.Errorf("%w: it says it is checkpoint %d", wire.ErrMalformed, c.Position.Sequence)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	// A part may not decode to more than the manifest says, whatever it holds.
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxMemory(partMax))
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	rows, raw := uint64(0), []byte(nil)
	for i, p := range c.parts {
		key := checkpointKey(seq, partName(i))
		if raw, err = readPart(ctx, s, dec, key, p, raw); err != nil {
			return nil, fmt.Errorf("read %s: %w", key, err)
		}
		n, err := eachRow(raw, row)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", key, err)
		}
		rows += n
	}
	if rows != c.Rows {
		return nil, fmt.Errorf("read %s: %w: it has %d rows, not %d", key, wire.ErrMalformed, rows, c.Rows)
	}
	return c, nil
}

// readPart returns the rows of a part, over buf's array if that is large
// enough.
func readPart(ctx context.Context, s backends.Store, dec *zstd.Decoder, key string, p part, buf []byte) ([]byte, error) {
	stored, err := backends.ReadAll(ctx, s, key, 0, -1, min(int64(p.stored), partMax)) // all there is, so that more is noticed
	if err != nil {
		return nil, err
	}
	if Digest(blake3.Sum256(stored)) != p.sum {
		return nil, fmt.Errorf("%w: it does not match its digest", wire.ErrMalformed)
	}
	// The size that the frame states is compared before anything is allocated.
	var h zstd.Header
	if err := h.Decode(stored); err != nil {
		return nil, fmt.Errorf("%w: %w", wire.ErrMalformed, err)
	}
	if !h.HasFCS || h.FrameContentSize != uint64(p.raw) {
		return nil, fmt.Errorf("%w: it is not of %d bytes", wire.ErrMalformed, p.raw)
	}
	if cap(buf) < int(p.raw) {
		buf = make([]byte, 0, p.raw)
	}
	raw, err := dec.DecodeAll(stored, buf[:0:p.raw])
	if err == nil && len(raw) != int(p.raw) {
		err = fmt.Errorf("%d bytes, want %d", len(raw), p.raw)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", wire.ErrMalformed, err)
	}
	return raw, nil
}

// eachRow calls row for the rows in raw and counts them.
func eachRow(raw []byte, row func(k, v []byte) error) (n uint64, err error) {
	r := wire.NewReader(raw)
	for r.Len() > 0 {
		k, v := r.Counted(r.Len()), r.Counted(r.Len())
		if r.Err() != nil {
			break
		}
		if err := row(k, v); err != nil {
			return n, err
		}
		n++
	}
	return n, r.Err()
}
