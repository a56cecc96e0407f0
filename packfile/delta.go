package packfile

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/klauspost/compress/zstd"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// A delta frame holds chunks that resemble others, its bases, which are stored
// elsewhere. Its stored bytes:
//
//	uvarint number of bases, 1 to BasesMax
//	their ids, 32 bytes each
//	for each entry of the frame, in order:
//	  uvarint length of the chunk, uvarint first of its own bases, uvarint how many: what it resembles itself
//	one zstd frame (RFC 8878) without a dictionary id that states its content size; the bases' bytes, joined,
//	are its dictionary, as content only
//
// The index block has an extension for it, of tag ExtBases: the first 8 bytes of
// each base's id, in the same order. A writer takes bases from frames that are
// no delta frames themselves, so that a chunk is never far from its bytes.

// ExtBases is the tag of an extension that says which chunks a delta frame
// depends on: DepPrefixes, joined.
const ExtBases = 1

// Limits of a delta frame.
const (
	DeltaMax      = 128 << 10 // its raw bytes, as writers make it
	DictMax       = 256 << 10 // bytes of its bases
	BasesMax      = 256
	BaseFramesMax = 4 // of so many frames, those that a Writer adds to it
)

// Bases appends to dst the bytes of the chunks with these ids, joined. They
// need not be checked against the ids. It fails rather than append more than
// DictMax bytes, and with ErrLost if one of them is in no pack.
type Bases func(dst []byte, ids []chunker.ID) ([]byte, error)

// ErrLost is for a Bases: a chunk that a delta refers to is in no pack.
var ErrLost = errors.New("a chunk that a delta refers to is lost")

// ErrNoBases is what a delta frame meets where nobody can read its bases.
var ErrNoBases = errors.New("the chunks that a delta refers to cannot be read here")

// Delta is what a delta frame says about its bases.
type Delta struct {
	Bases []chunker.ID
	own   []ownBases
	zstd  []byte // aliases the stored bytes
}

// ownBases is what one chunk resembles.
type ownBases struct {
	offset, length uint32 // of the chunk, in the decoded frame
	first, count   uint32 // of its bases
}

// Of returns what the chunk at offset in the decoded frame resembles: nil if no
// chunk begins there.
func (d *Delta) Of(offset uint32) []chunker.ID {
	for _, o := range d.own {
		if o.offset == offset {
			return d.Bases[o.first : o.first+o.count]
		}
	}
	return nil
}

// Delta reads what a delta frame says about its bases from its stored bytes,
// which it checks as Decode does. It fails with wire.ErrMalformed for any other
// frame.
func (f Frame) Delta(stored []byte) (*Delta, error) {
	if err := f.verify(stored); err != nil {
		return nil, err
	}
	if f.Codec != CodecDelta {
		return nil, fmt.Errorf("%w: a frame with codec %v has no bases", wire.ErrMalformed, f.Codec)
	}
	return f.delta(stored)
}

func (f Frame) delta(stored []byte) (*Delta, error) {
	r := wire.NewReader(stored)
	n := r.Count(chunker.IDSize)
	if n == 0 || n > BasesMax {
		r.Failf("%d bases", n)
	}
	if int64(f.Entries) > int64(r.Len()) {
		r.Failf("%d entries", f.Entries)
	}
	if r.Err() != nil {
		return nil, r.Err()
	}
	d := &Delta{Bases: make([]chunker.ID, n), own: make([]ownBases, f.Entries)}
	for i := range d.Bases {
		d.Bases[i] = r.ID()
	}
	at := uint32(0)
	for i := range d.own {
		o := ownBases{offset: at, length: uint32(r.Uvarint(uint64(f.Raw - at))), first: uint32(r.Uvarint(uint64(n - 1)))}
		o.count = uint32(r.Uvarint(uint64(n) - uint64(o.first)))
		if o.length == 0 || o.count == 0 {
			r.Failf("entry %d is empty, or has no bases", i)
		}
		d.own[i] = o
		at += o.length
	}
	if at != f.Raw {
		r.Failf("entries add up to %d bytes, not %d", at, f.Raw)
	}
	d.zstd = r.Bytes(r.Len())
	return d, r.Err()
}

// undelta decodes a delta frame.
func (f Frame) undelta(dst, stored []byte, bases Bases) ([]byte, error) {
	d, err := f.delta(stored)
	if err != nil {
		return nil, err
	}
	if bases == nil {
		return nil, ErrNoBases
	}
	x, err := getDeltaDecoder()
	if err != nil {
		return nil, err
	}
	defer deltaDecoders.Put(x)
	if x.dict, err = bases(x.dict[:0], d.Bases); err != nil {
		return nil, &BasesError{err}
	}
	if len(x.dict) > DictMax {
		return nil, fmt.Errorf("%w: bases of %d bytes", wire.ErrMalformed, len(x.dict))
	}
	if err := x.zstd.ResetWithOptions(nil, zstd.WithDecoderDictRaw(0, x.dict)); err != nil {
		return nil, err
	}
	return f.unzstd(dst, d.zstd, x.zstd)
}

// BasesError says that a delta frame may be sound, but what it refers to could
// not be read. It wraps the error of a Bases.
type BasesError struct{ Err error }

func (e *BasesError) Error() string { return "what the delta refers to: " + e.Err.Error() }
func (e *BasesError) Unwrap() error { return e.Err }

// lost says that the bases cannot be had, rather than not now.
func (e *BasesError) lost() bool {
	for _, sign := range []error{ErrCorrupt, ErrLost, wire.ErrMalformed, backends.ErrNotExist, syscall.EIO} {
		if errors.Is(e.Err, sign) {
			return true
		}
	}
	return false
}

// Bases is what the index block says frame i depends on: nothing, but for a
// delta frame.
func (x *Index) Bases(i int) []DepPrefix {
	f := &x.Frames[i]
	if f.Codec != CodecDelta || f.Extension == 0 {
		return nil
	}
	e := x.Extensions[f.Extension-1]
	p := make([]DepPrefix, len(e.Data)/depPrefixSize)
	for j := range p {
		copy(p[j][:], e.Data[j*depPrefixSize:])
	}
	return p
}

// checkBases makes sure that the block says of every delta frame what it
// depends on, of each in an extension of its own, in order.
func (x *Index) checkBases() error {
	last := uint16(0)
	for i := range x.Frames {
		f := &x.Frames[i]
		if f.Codec != CodecDelta {
			continue
		}
		if x.Class == ClassMeta {
			return fmt.Errorf("%w: frame %d is a delta among metadata", wire.ErrMalformed, i)
		}
		if f.Extension <= last {
			return fmt.Errorf("%w: frame %d depends on nothing that is said", wire.ErrMalformed, i)
		}
		last = f.Extension
		e := x.Extensions[f.Extension-1]
		if n := len(e.Data); e.Tag != ExtBases || n == 0 || n%depPrefixSize != 0 || n/depPrefixSize > BasesMax {
			return fmt.Errorf("%w: frame %d has bases in an extension of tag %d, %d bytes", wire.ErrMalformed, i, e.Tag, n)
		}
	}
	return nil
}

// sameBases compares what a frame says about its bases with what its pack's
// index block says.
func (x *Index) sameBases(i int, stored []byte) error {
	said := x.Bases(i)
	if said == nil {
		return nil
	}
	d, err := x.Frames[i].delta(stored)
	if err != nil {
		return err
	}
	if len(d.Bases) != len(said) {
		return fmt.Errorf("%w: %d bases, the index block has %d", wire.ErrMalformed, len(d.Bases), len(said))
	}
	for j, id := range d.Bases {
		if PrefixOf(id) != said[j] {
			return fmt.Errorf("%w: base %s is not in the index block", wire.ErrMalformed, id)
		}
	}
	return nil
}
