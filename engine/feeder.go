package engine

import (
	"errors"
	"io"

	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/source"
)

// feeder is the visitor of a walk that runs ahead: it queues what it is shown.
type feeder struct{ p *pipeline }

var _ source.Visitor = (*feeder)(nil)

func (f *feeder) entry(kind eventKind, e manifest.Entry) error {
	ev := f.p.event(kind)
	ev.entry = e
	return f.p.send(ev)
}

// Enter implements source.Visitor.
func (f *feeder) Enter(e manifest.Entry) error { return f.entry(evEnter, e) }

// Leave implements source.Visitor.
func (f *feeder) Leave() error { return f.p.send(f.p.event(evLeave)) }

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
	ev.report = r
	_ = f.p.send(ev)
}

// File implements source.Visitor.
func (f *feeder) File(e manifest.Entry, id source.Identity, body source.Body) error {
	of := f.p.small
	switch {
	case e.Size > int64(f.p.large.size):
		return f.parts(e, id, body)
	case e.Size > blockSmall:
		of = f.p.large
	}
	b, ok := of.take(f.p.stop)
	if !ok {
		body.Release()
		return f.p.stopped
	}
	ev := f.p.event(evFile)
	ev.entry, ev.id, ev.body, ev.block = e, id, body, b
	return f.p.send(ev)
}

// parts reads a large file here, as fast as it can be cut.
func (f *feeder) parts(e manifest.Entry, id source.Identity, body source.Body) error {
	defer body.Release()
	ev := f.p.event(evFileEnd)
	ev.entry, ev.id = e, id
	if f.p.recallFile(ev); ev.found || ev.err != nil {
		return f.p.send(ev)
	}
	r, err := body.Open()
	if err == nil {
		err = errors.Join(f.stream(r), r.Close())
	}
	var failed *stoppedError
	if errors.As(err, &failed) {
		return failed.error
	}
	ev.err, ev.unread = err, err != nil
	return f.p.send(ev)
}

// Content implements source.Visitor.
func (f *feeder) Content(path string, r io.Reader) (manifest.Content, int64, error) {
	err := f.stream(r)
	var failed *stoppedError
	if errors.As(err, &failed) {
		return manifest.Content{}, 0, failed.error
	}
	reply := make(chan contentReply, 1)
	ev := f.p.event(evContent)
	ev.err, ev.unread, ev.reply = err, err != nil, reply
	if err := f.p.send(ev); err != nil {
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

// stream reads r to its end and queues it in parts. It returns the source's
// error, or a stoppedError.
func (f *feeder) stream(r io.Reader) error {
	b, ok := f.p.large.take(f.p.stop)
	if !ok {
		return &stoppedError{f.p.stopped}
	}
	n, eof := 0, false
	for empty := 0; ; {
		m, err := r.Read(b.buf[n:])
		n += m
		switch {
		case err == io.EOF:
			eof = true
		case err != nil:
			b.release()
			return err
		case m > 0:
			empty = 0
		default:
			if empty++; empty == emptyReadsMax {
				b.release()
				return io.ErrNoProgress
			}
		}
		if !eof && n < len(b.buf) {
			continue
		}
		used := b.cut(f.p.params, n, eof)
		if eof {
			return f.part(b)
		}
		next, ok := f.p.large.take(f.p.stop)
		if !ok {
			b.release()
			return &stoppedError{f.p.stopped}
		}
		n = copy(next.buf, b.buf[used:n])
		if err := f.part(b); err != nil {
			next.release()
			return err
		}
		b = next
	}
}

// emptyReadsMax is how many reads in a row may give neither bytes nor an error.
const emptyReadsMax = 100

func (f *feeder) part(b *block) error {
	ev := f.p.event(evPart)
	ev.block = b
	if err := f.p.send(ev); err != nil {
		return &stoppedError{err}
	}
	return nil
}
