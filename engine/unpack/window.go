package unpack

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// limits bound what one window holds. It always takes one file.
type limits struct {
	bytes  int // of memory for the plan, about
	places int // directories held open
	open   int // files that may be open at once, being written in several pieces
	pieces int // chunks asked for at once
}

// wideLimits keep the windows that exist at once, windowsAtOnce and the one that
// is being planned, below 24 MB and 5,000 descriptors. A process that may not have
// so many has tightLimits, for 800.
var (
	wideLimits  = limits{bytes: 4 << 20, places: 512, open: 1024, pieces: 8192}
	tightLimits = limits{bytes: 2 << 20, places: 128, open: 128, pieces: 4096}
)

// Descriptors are reserved for a tree of manyFiles or more. A smaller one may
// be written before that is done. The rest of the process may need as many again.
const (
	descriptorsWide  = 8192
	descriptorsTight = 1024
	manyFiles        = 1000
)

// limitsOf are the limits of a process that may have n descriptors, and how many
// of them to reserve.
func limitsOf(n uint64) (l limits, descriptors int) {
	if n < 2*descriptorsWide {
		return tightLimits, descriptorsTight
	}
	return wideLimits, descriptorsWide
}

// windowsAtOnce is how many windows, and of one window how many batches, are
// written at once: while the last reads of one are under way, the next begins.
const windowsAtOnce = 2

// rampUp halves the first window so many times, the second once less, and so
// on: the writers soon have something to do.
const rampUp = 3

// About what a file and a piece of it take in memory, in bytes.
const (
	fileBytes  = 768
	pieceBytes = 256
)

// window is a number of files that are written together, so that each frame of
// theirs is fetched and decoded once, in the order of the store. The planner
// fills it and hands it on.
type window struct {
	u     *unpacker
	files []*file
	names []furtherName // made after the files

	bytes, places, open int
	place               *place // the last one
}

// furtherName is another name of a file that comes before it.
type furtherName struct {
	p   *place
	e   manifest.Entry
	key linkKey
}

// room makes sure that the planner's window takes one more entry of p.
func (u *unpacker) room(p *place, e manifest.Entry) *window {
	pieces := int(min(int64(len(e.Content.Segments))+e.Content.Count, int64(u.limits.pieces)))
	bytes := fileBytes + len(e.Name) + pieces*pieceBytes
	for _, x := range e.Attr.Xattrs {
		bytes += len(x.Name) + len(x.Value)
	}
	if w := u.window; w != nil && (w.bytes+bytes > u.limits.bytes>>u.ramp || w.places >= u.limits.places || w.open >= u.limits.open) {
		u.dispatch()
	}
	if u.window == nil {
		u.window = &window{u: u}
	}
	w := u.window
	w.bytes += bytes
	if pieces > 1 {
		w.open++
	}
	if w.place != p {
		w.place = p
		w.places++
	}
	return w
}

// dispatch hands the planner's window on, if it has one.
func (u *unpacker) dispatch() {
	if w := u.window; w != nil {
		u.window, u.ramp = nil, max(u.ramp-1, 0)
		u.group.Go(w.run)
	}
}

// run writes the window. A further name waits for the file that it is a name
// of, which is in this window or one before.
func (w *window) run() error {
	err := w.u.write(w.files)
	for _, n := range w.names {
		if err == nil {
			err = w.u.furtherName(n)
		}
		err = errors.Join(err, n.p.release())
	}
	return err
}

// write decides about files and writes those that are to be written.
func (u *unpacker) write(files []*file) (err error) {
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.end())
		}
	}()
	err = eachOf(u.ctx, len(files), u.o.Workers, func(_ context.Context, i int) error { return files[i].decide() })
	if err != nil || u.o.DryRun {
		return err
	}
	g, ctx := errgroup.WithContext(u.ctx)
	g.SetLimit(windowsAtOnce)
	err = u.list(ctx, g, files)
	if gerr := g.Wait(); gerr != nil {
		err = gerr // the first, of which the other may be a consequence
	}
	return err
}

// list finds the pieces of files and has them written.
func (u *unpacker) list(ctx context.Context, g *errgroup.Group, files []*file) error {
	b := &batch{u: u}
	var whole []*file // that need no piece
	for _, f := range files {
		if !f.what.puts() {
			continue
		}
		f.left.Store(1)
		end, pieces := int64(0), 0
		for x, err := range manifest.Segments(ctx, u.src, f.e.Content, 0) {
			if err != nil {
				return f.damaged(err)
			}
			if end = x.Offset + x.Length; x.Zero() {
				u.progress(0, x.Length)
				continue
			}
			if len(b.ids) >= u.limits.pieces {
				b.submit(ctx, g)
				b = &batch{u: u}
			}
			f.left.Add(1)
			pieces++
			b.ids = append(b.ids, x.ID)
			b.pieces = append(b.pieces, piece{f, x.Offset, x.Length})
		}
		if end != f.e.Size {
			return f.damaged(fmt.Errorf("the content has %d bytes, its entry says %d", end, f.e.Size))
		}
		if pieces == 0 {
			whole = append(whole, f)
		} else if err := f.release(1); err != nil {
			return err
		}
	}
	b.submit(ctx, g)
	return eachOf(ctx, len(whole), u.o.Workers, func(_ context.Context, i int) error { return whole[i].release(1) })
}

// batch is pieces of files, and their chunks, that are asked for together.
type batch struct {
	u      *unpacker
	ids    []chunker.ID
	pieces []piece
}

type piece struct {
	f           *file
	off, length int64
}

func (b *batch) submit(ctx context.Context, g *errgroup.Group) {
	if len(b.ids) > 0 {
		g.Go(func() error { return b.u.bulk.Chunks(ctx, chunker.Data, b.ids, b.u.o.Workers, b.got) })
	}
}

// got writes pieces from the i-th on, those together that stand together in
// their file.
func (b *batch) got(i int, data []byte, ends []int, err error) error {
	if err != nil {
		return b.pieces[i].f.damaged(err)
	}
	for n, start := 0, 0; n < len(ends); {
		first, run, end := b.pieces[i+n], 0, start
		for ; n+run < len(ends); run++ {
			p := b.pieces[i+n+run]
			if p.f != first.f || p.off != first.off+int64(end-start) {
				break
			}
			if length := ends[n+run] - end; int64(length) != p.length {
				return p.f.damaged(fmt.Errorf("chunk %s has %d bytes, its file says %d", b.ids[i+n+run], length, p.length))
			}
			end = ends[n+run]
		}
		if err := first.f.write(data[start:end], first.off, run); err != nil {
			return err
		}
		n, start = n+run, end
	}
	return nil
}
