package packfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"syscall"

	"github.com/zeebo/blake3"

	"github.com/artifortress/afs-engine/backends"
)

// Scan reads the whole pack id in order, holding one frame and the index, and
// checks all there is to check: header, trailer, index block, every frame's
// checksum, every chunk's id, and the pack's own id. It calls visit for every
// chunk that is sound, in the order of the index; data is valid until visit
// returns, and an error from it ends the scan. visit may be nil. bases is for
// delta frames; those whose bases are damaged are lost with them.
//
// Each piece of damage goes to problem, with the chunks that are lost by it,
// and the scan goes on behind it, as long as it is known where to: damage to a
// frame costs its chunks only, damage to the table of frames ends the scan.
//
// size is the object's length in bytes. err is nil after damage; it is the
// store's error (among them that the object is not there), visit's, or
// ErrUnknown for what this version cannot check.
func Scan(ctx context.Context, s backends.Store, id ID, bases Bases, visit func(e Entry, data []byte) error, problem func(*CorruptError)) (size int64, err error) {
	sc := &scanner{ctx: ctx, store: s, key: Key(id), bases: bases, visit: visit, tell: problem, hash: blake3.New()}
	sc.problem = func(e *CorruptError) {
		sc.problems++
		problem(e)
	}
	p, x, err := sc.open(id)
	if p != nil {
		size = p.size
	}
	if err != nil || x == nil {
		return size, err
	}
	if err := sc.frames(x, p.trailer.indexOffset); err != nil {
		return size, err
	}
	sc.hash.Write(p.block)
	sc.hash.Write(p.end)
	// With damage found, the id cannot match; that is not news.
	if sc.problems == 0 && ID(sc.hash.Sum(nil)) != id {
		sc.problem(&CorruptError{Object: sc.key, Offset: -1, Reason: "content does not match the pack's id"})
	}
	return size, sc.unknown
}

// notItsID is what is wrong with a chunk of other bytes than its id says.
const notItsID = "content does not match the chunk's id"

type scanner struct {
	ctx      context.Context
	store    backends.Store
	key      string
	bases    Bases
	visit    func(Entry, []byte) error
	tell     func(*CorruptError)
	problem  func(*CorruptError) // tell, counted
	problems int
	intact   bool  // header, index block and trailer are; if not, what looks like a newer form is damage
	unknown  error // the first thing met that this version cannot check
	hash     *blake3.Hasher
	stored   []byte
	raw      []byte
	named    named
}

// found reports err if it is damage, or bytes that a disk cannot read, and
// returns it if it is not.
func (sc *scanner) found(err error) error {
	var c *CorruptError
	switch {
	case errors.As(err, &c):
		sc.problem(c)
	case errors.Is(err, syscall.EIO):
		sc.problem(&CorruptError{Object: sc.key, Offset: -1, Reason: "object cannot be read", Err: err})
	case err != nil:
		return fmt.Errorf("scan pack: %w", err)
	}
	return nil
}

// open is ReadIndex for a pack that may be damaged: an index that can be read
// is used, whatever else is wrong. Without one, x is nil.
func (sc *scanner) open(id ID) (p *parts, x *Index, err error) {
	info, err := sc.store.Stat(sc.ctx, sc.key)
	if err != nil {
		return nil, nil, sc.found(err)
	}
	p, err = readParts(sc.ctx, sc.store, id, info.Size)
	if err != nil {
		return &parts{size: info.Size}, nil, sc.found(err)
	}
	if p.trailerErr != nil {
		if err := sc.found(damaged(sc.key, p.size-TrailerSize, "trailer", p.trailerErr)); err != nil {
			return p, nil, err
		}
	}
	h, err := parseHeader(p.header)
	if err != nil {
		if err := sc.found(damaged(sc.key, 0, "header", err)); err != nil {
			return p, nil, err
		}
	}
	sc.intact = sc.problems == 0
	if sc.intact && digest(p.header, p.block) != p.trailer.digest {
		sc.intact = false
		sc.problem(&CorruptError{Object: sc.key, Offset: p.trailer.indexOffset, Reason: "index block", Err: errDigest})
	}
	x = h.index(id, p.size)
	switch err := x.parseBlock(p.block, p.trailer.indexOffset); {
	case err == nil:
		return p, x, nil
	case sc.intact:
		return p, nil, sc.found(damaged(sc.key, p.trailer.indexOffset, "index block", err))
	default:
		sc.problem(&CorruptError{Object: sc.key, Offset: p.trailer.indexOffset, Reason: "index block says nothing about the frames", Err: err})
		return p, nil, nil
	}
}

// frames reads the object up to end, where its frames end.
func (sc *scanner) frames(x *Index, end int64) error {
	var r io.ReadCloser
	defer func() {
		if r != nil {
			r.Close()
		}
	}()
	read := func(off int64, n int) (err error) {
		if r == nil {
			if r, err = sc.store.Get(sc.ctx, sc.key, off, end-off); err != nil {
				r = nil
				return shortened(sc.key, off, err)
			}
		}
		return sc.read(r, n)
	}
	if err := read(0, HeaderSize); err != nil {
		return sc.found(err)
	}
	entries := x.Entries
	for i, f := range x.Frames {
		own := entries[:f.Entries:f.Entries]
		entries = entries[f.Entries:]
		err := read(f.Offset, int(f.Stored))
		switch {
		case errors.Is(err, syscall.EIO) && r != nil: // a bad sector: what is behind it may be good
			sc.problem(&CorruptError{Object: sc.key, Offset: f.Offset, Lost: own, Reason: "frame cannot be read", Err: err})
			r.Close()
			r = nil
		case err != nil:
			return sc.found(err)
		default:
			if err := sc.frame(x, i, own); err != nil {
				return err
			}
		}
	}
	return nil
}

// read takes n bytes into sc.stored and the hash.
func (sc *scanner) read(r io.Reader, n int) error {
	sc.stored = slices.Grow(sc.stored[:0], n)[:n]
	if _, err := io.ReadFull(r, sc.stored); err != nil {
		return err
	}
	sc.hash.Write(sc.stored)
	return nil
}

// frame checks the i-th frame, in sc.stored, whose entries are own.
func (sc *scanner) frame(x *Index, i int, own []Entry) error {
	f := x.Frames[i]
	raw, err := f.Decode(sc.raw, sc.stored, sc.bases)
	if err == nil {
		err = x.sameBases(i, sc.stored)
	}
	var bases *BasesError
	switch {
	case errors.As(err, &bases) && bases.lost() && sc.ctx.Err() == nil:
		// No damage of this pack, whose id may yet tell of some.
		sc.tell(&CorruptError{Object: sc.key, Offset: f.Offset, Lost: own, Reason: "frame", Err: err})
		return nil
	case bases != nil, errors.Is(err, ErrNoBases):
		return fmt.Errorf("scan pack: %w", err)
	}
	if sc.intact && errors.Is(err, ErrUnknown) {
		if sc.unknown == nil {
			sc.unknown = damaged(sc.key, f.Offset, "frame", err)
		}
		return nil
	}
	if err != nil {
		sc.problem(&CorruptError{Object: sc.key, Offset: f.Offset, Lost: own, Reason: "frame", Err: err})
		return nil
	}
	sc.raw = raw
	sc.named.name(raw, own)
	for i, e := range own {
		data := sc.named.chunks[i]
		if sc.named.ids[i] != e.ID {
			sc.problem(&CorruptError{Object: sc.key, Offset: f.Offset, Chunk: e.ID, Lost: own[i : i+1 : i+1], Reason: notItsID})
			continue
		}
		if sc.visit != nil {
			if err := sc.visit(e, data); err != nil {
				return err
			}
		}
	}
	return nil
}
