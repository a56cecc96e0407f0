package packfile

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/zeebo/blake3"
	"golang.org/x/sync/errgroup"

	"github.com/artifortress/afs-engine/backends"
)

// Check reads the whole pack id, of size bytes, as Scan does, and finds out
// whether there is anything wrong with it: the first damage ends it. Frames are
// decoded, and chunks named, by so many workers, each holding one frame, while
// the next are read. bases is for delta frames, and safe for concurrent use.
// visit is called by the workers, in no order, for every chunk that
// is sound; data is valid until it returns. It returns what the pack holds.
// Errors are *CorruptError, ErrUnknown, the store's, or those of bases or visit.
func Check(ctx context.Context, s backends.Store, id ID, size int64, workers int, bases Bases, visit func(e Entry, data []byte) error) (*Index, error) {
	info, err := s.Stat(ctx, Key(id))
	if err == nil && info.Size != size {
		err = &CorruptError{Object: Key(id), Offset: -1, Reason: fmt.Sprintf("%d bytes, not %d", info.Size, size)}
	}
	var p *parts
	var x *Index
	if err == nil {
		p, x, err = readIndex(ctx, s, id, size)
	}
	if err != nil {
		return nil, fmt.Errorf("check pack: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	c := &checker{key: Key(id), bases: bases, visit: visit, work: make(chan checkJob, workers), free: make(chan []byte, workers+1)}
	for range workers + 1 {
		c.free <- nil
	}
	for range workers {
		g.Go(func() error { return c.serve(ctx) })
	}
	g.Go(func() error {
		defer close(c.work)
		return c.read(ctx, s, p, x)
	})
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("check pack: %w", err)
	}
	return x, nil
}

type checker struct {
	key   string
	bases Bases
	visit func(Entry, []byte) error
	work  chan checkJob
	free  chan []byte // for stored bytes
}

// checkJob is a frame that was read.
type checkJob struct {
	x      *Index
	i      int // which frame
	own    []Entry
	stored []byte
}

// read hands out the frames, and compares the object with its id.
func (c *checker) read(ctx context.Context, s backends.Store, p *parts, x *Index) error {
	r, err := s.Get(ctx, c.key, 0, p.trailer.indexOffset)
	if err != nil {
		return shortened(c.key, 0, err)
	}
	defer r.Close()
	hash := blake3.New()
	next := func(b []byte) error {
		if _, err := io.ReadFull(r, b); err != nil {
			return err
		}
		hash.Write(b)
		return nil
	}
	if err := next(make([]byte, HeaderSize)); err != nil {
		return err
	}
	entries := x.Entries
	for i, f := range x.Frames {
		j := checkJob{x: x, i: i, own: entries[:f.Entries:f.Entries]}
		entries = entries[f.Entries:]
		select {
		case j.stored = <-c.free:
		case <-ctx.Done():
			return ctx.Err()
		}
		j.stored = slices.Grow(j.stored[:0], int(f.Stored))[:f.Stored]
		if err := next(j.stored); err != nil {
			return err
		}
		select {
		case c.work <- j:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	hash.Write(p.block)
	hash.Write(p.end)
	if ID(hash.Sum(nil)) != x.ID {
		return &CorruptError{Object: c.key, Offset: -1, Reason: "content does not match the pack's id"}
	}
	return nil
}

// serve checks frames.
func (c *checker) serve(ctx context.Context) error {
	var raw []byte
	var names named
	for j := range c.work {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var err error
		f := j.x.Frames[j.i]
		if raw, err = f.Decode(raw, j.stored, c.bases); err == nil {
			err = j.x.sameBases(j.i, j.stored)
		}
		if err != nil {
			err = damaged(c.key, f.Offset, "frame", err)
			if corrupt, ok := err.(*CorruptError); ok {
				corrupt.Lost = j.own
			}
			return err
		}
		names.name(raw, j.own)
		for i, e := range j.own {
			data := names.chunks[i]
			if names.ids[i] != e.ID {
				return &CorruptError{Object: c.key, Offset: f.Offset, Chunk: e.ID, Lost: j.own[i : i+1], Reason: notItsID}
			}
			if err := c.visit(e, data); err != nil {
				return err
			}
		}
		c.free <- j.stored
	}
	return nil
}
