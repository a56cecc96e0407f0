package engine

import (
	"errors"
	"io"

	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/source"
)

// feeder is the visitor of a walk that runs ahead: it queues what it is shown.
type feeder struct {
	p      *pipeline
	places int     // directories in a bundle
	most   int     // bytes of a part of a stream
	open   *bundle // being filled; nil: none is
	moved  bool    // into another directory since the last small file
}

var _ source.Visitor = (*feeder)(nil)

func (f *feeder) entry(kind eventKind, e manifest.Entry) error {
	ev := f.p.event(kind)
	ev.entry = e
	return f.send(ev)
}

// send queues an event.
func (f *feeder) send(ev *event) error {
	select {
	case <-f.p.stop:
		return f.p.stopped
	default:
	}
	select {
	case f.p.events <- ev:
		return nil
	default:
	}
	f.handOver()
	select {
	case <-f.p.stop:
		return f.p.stopped
	case f.p.events <- ev:
		return nil
	}
}

// handOver lets a worker have the bundle that is being filled.
func (f *feeder) handOver() {
	if f.open != nil {
		f.p.work <- f.open
		f.open = nil
	}
}

// take waits for a free bundle.
func (f *feeder) take(of *bundles) (*bundle, bool) {
	if x := of.try(); x != nil {
		return x, true
	}
	f.handOver()
	return of.take(f.p.stop)
}

// Enter implements source.Visitor.
func (f *feeder) Enter(e manifest.Entry) error {
	f.moved = true
	return f.entry(evEnter, e)
}

// Leave implements source.Visitor.
func (f *feeder) Leave() error {
	f.moved = true
	return f.send(f.p.event(evLeave))
}

// Symlink implements source.Visitor.
func (f *feeder) Symlink(e manifest.Entry) error { return f.entry(evSymlink, e) }

// Stored implements source.Visitor.
func (f *feeder) Stored(e manifest.Entry) error { return f.entry(evStored, e) }

// Problem implements source.Visitor. That the builder has failed is met by
// the next call that can say so.
func (f *feeder) Problem(r source.Report) { f.report(evProblem, r) }

// Skipped implements source.Visitor.
func (f *feeder) Skipped(r source.Report) { f.report(evSkipped, r) }

func (f *feeder) report(kind eventKind, r source.Report) {
	ev := f.p.event(kind)
	ev.report = shortReport(r) // many may wait in the queue
	_ = f.send(ev)
}

// File implements source.Visitor.
func (f *feeder) File(e manifest.Entry, id source.Identity, body source.Body) error {
	if e.Size > int64(f.p.large.size) {
		return f.parts(e, id, body)
	}
	ev := f.p.event(evFile)
	ev.entry, ev.id, ev.body = e, id, body
	size := int(max(e.Size, 0))
	if size > f.p.small.largest() {
		return f.alone(ev, size)
	}
	if f.open != nil && (!f.open.fits(size) || f.moved && f.open.places == f.places) {
		f.handOver()
	}
	if f.open == nil {
		x, ok := f.take(f.p.small)
		if !ok {
			body.Release()
			return f.p.stopped
		}
		f.open, f.moved = x, true
	}
	if f.moved {
		f.open.places++
		f.moved = false
	}
	f.open.add(ev, size)
	return f.send(ev)
}

// alone has a file prepared by itself.
func (f *feeder) alone(ev *event, size int) error {
	x, ok := f.take(f.p.large)
	if !ok {
		ev.body.Release()
		return f.p.stopped
	}
	x.add(ev, size)
	f.p.work <- x
	return f.send(ev)
}

// parts reads a large file here, as fast as it can be cut.
func (f *feeder) parts(e manifest.Entry, id source.Identity, body source.Body) error {
	defer body.Release()
	ev := f.p.event(evFileEnd)
	ev.entry, ev.id = e, id
	if err := f.p.recall.find(f.p.ctx, ev); ev.found || err != nil {
		ev.err = err
		return f.send(ev)
	}
	ev.began = f.p.recall.reading()
	r, err := body.Open()
	if err == nil {
		err = errors.Join(f.stream(r, func(part *event) { part.entry.Name, part.entry.Size = e.Name, e.Size }), r.Close())
	}
	var failed *stoppedError
	if errors.As(err, &failed) {
		return failed.error
	}
	ev.err, ev.unread = err, err != nil
	return f.send(ev)
}

// Content implements source.Visitor.
func (f *feeder) Content(path string, r io.Reader) (manifest.Content, int64, error) {
	err := f.stream(r, func(part *event) { part.stream = path })
	var failed *stoppedError
	if errors.As(err, &failed) {
		return manifest.Content{}, 0, failed.error
	}
	reply := make(chan contentReply, 1)
	ev := f.p.event(evContent)
	ev.err, ev.unread, ev.reply = err, err != nil, reply
	if err := f.send(ev); err != nil {
		return manifest.Content{}, 0, err
	}
	select {
	case c := <-reply:
		return c.content, c.size, c.err
	case <-f.p.stop:
		return manifest.Content{}, 0, f.p.stopped
	}
}

// stoppedError says that the pipeline, not the source, has failed.
type stoppedError struct{ error }

// stream reads r to its end and queues it in parts, each with the name that named
// gives it. It returns the source's error, or a stoppedError.
func (f *feeder) stream(r io.Reader, named func(part *event)) error {
	f.handOver()
	x, ok := f.take(f.p.large)
	if !ok {
		return &stoppedError{f.p.stopped}
	}
	n, eof := 0, false
	for empty := 0; ; {
		m, err := r.Read(x.buf[n:f.most])
		n += m
		switch {
		case err == io.EOF:
			eof = true
		case err != nil:
			x.release()
			return err
		case m > 0:
			empty = 0
		default:
			if empty++; empty == emptyReadsMax {
				x.release()
				return io.ErrNoProgress
			}
		}
		if !eof && n < f.most {
			continue
		}
		ev := f.p.event(evPart)
		named(ev)
		x.add(ev, n)
		used := ev.block.cut(f.p.params, n, eof)
		if eof {
			return f.part(ev)
		}
		next, ok := f.take(f.p.large)
		if !ok {
			return &stoppedError{f.p.stopped}
		}
		n = copy(next.buf, x.buf[used:n])
		if err := f.part(ev); err != nil {
			return err
		}
		x = next
	}
}

// emptyReadsMax is how many reads in a row may give neither bytes nor an error.
const emptyReadsMax = 100

func (f *feeder) part(ev *event) error {
	f.p.work <- ev.bundle
	if err := f.send(ev); err != nil {
		return &stoppedError{err}
	}
	return nil
}
