package index

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// ErrFailed is wrapped, with the cause, by every write to an index whose files
// could not be written. Reading may go on; closing and opening it again, when
// the cause is gone, is the cure.
var ErrFailed = errors.New("the index has failed")

// health keeps a failure of Pebble's from becoming one of the program. Pebble
// takes a failed write of its own files for the end: it calls Fatalf or panics,
// tries again for ever, or lets a writer wait for a flush that will not come; a
// failed Open does any of these to work that it has begun in the background.
// Here the first failure is remembered and from then on
//
//   - no byte of Pebble's reaches the disk any more, so that it does no harm to
//     let it go on for a while in whatever state it is;
//   - until Open has succeeded, Pebble hears of none, so that it comes to an end
//     and can be closed;
//   - every writer is told, the waiting ones too, see write;
//   - background work that would try again stops until Close.
type health struct {
	once     sync.Once
	cause    error
	failed   chan struct{} // closed by the first failure
	opened   atomic.Bool   // Open has succeeded
	making   atomic.Bool   // Open is making an index where none was
	closing  chan struct{} // closed by the end: background work may find out that it is over
	underway atomic.Int64  // writes that Pebble has not returned from
}

func newHealth() *health {
	return &health{failed: make(chan struct{}), closing: make(chan struct{})}
}

// fail remembers the first cause.
func (h *health) fail(err error) {
	h.once.Do(func() {
		h.cause = err
		close(h.failed)
	})
}

// err is nil as long as all is well.
func (h *health) err() error {
	select {
	case <-h.failed:
		return fmt.Errorf("%w: %w", ErrFailed, h.cause)
	default:
		return nil
	}
}

// write runs f, one of Pebble's writes. Should f panic, or wait for what will
// never come, write returns all the same: over is false then, and what f works
// with must be left alone for ever.
func (h *health) write(f func() error) (over bool, err error) {
	if err := h.err(); err != nil {
		return true, err
	}
	h.underway.Add(1)
	done := make(chan struct{})
	go func() {
		defer func() {
			if r := recover(); r != nil {
				h.fail(causeIn(r))
				return // still under way, as far as Pebble knows
			}
			h.underway.Add(-1)
			close(done)
		}()
		if err := f(); err != nil {
			h.fail(err)
		}
	}()
	select {
	case <-done:
		return true, h.err()
	case <-h.failed:
		return false, h.err()
	}
}

// causeIn finds the error among what Pebble panics with or logs.
func causeIn(args ...any) error {
	for _, a := range args {
		if err, ok := a.(error); ok {
			return err
		}
	}
	return errors.New(fmt.Sprint(args...))
}

// open is pebble.Open. What it opens after a failure, it closes. made makes what
// it has written durable, if it made the index; nil: Pebble has done so bit by
// bit.
func (h *health) open(dir string, o *pebble.Options, made func() error) (p *pebble.DB, err error) {
	h.making.Store(made != nil)
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, causeIn(r)
		}
	}()
	p, err = pebble.Open(dir, o)
	h.making.Store(false)
	if err == nil && made != nil {
		if err := made(); err != nil {
			h.fail(err)
		}
	}
	if failed := h.err(); failed != nil {
		close(h.closing)
		if err == nil {
			_ = p.Close()
		}
		return nil, failed
	}
	if err != nil {
		return nil, err
	}
	h.opened.Store(true)
	return p, nil
}

// close ends Pebble, and takes from it its hold on the directory's lock whether
// or not it can still be ended.
func (h *health) close(p *pebble.DB, lock *pebble.Lock) error {
	if h.err() == nil {
		close(h.closing)
		err := p.Close()
		if h.err() != nil {
			err = nil // a consequence of it
		}
		return err
	}
	if h.underway.Load() > 0 {
		return lock.Close() // Pebble would wait for the writer; its memory is lost
	}
	close(h.closing)
	_ = p.Close() // the failure is known, and nobody is served by its consequences
	return nil
}

// files is what Pebble sees of fs.
func (h *health) files(fs vfs.FS) vfs.FS {
	return files{errorfs.Wrap(fs, errorfs.InjectorFunc(h.gate)), h}
}

// gate says whether Pebble may do op.
func (h *health) gate(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsRead || op.Kind == errorfs.OpFileClose {
		return nil
	}
	err := h.err()
	if err != nil && op.Kind == errorfs.OpCreate && h.opened.Load() && !strings.HasSuffix(op.Path, walSuffix) {
		<-h.closing // each attempt of background work begins with a file
	}
	return err
}

// listener hears of failures in the background.
func (h *health) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: h.fail,
		DataCorruption:  func(pebble.DataCorruptionInfo) {}, // whoever reads the damaged rows gets the error
	}
}

// logger drops Pebble's chatter.
func (h *health) logger() pebble.Logger { return logger{h} }

type logger struct{ h *health }

func (logger) Infof(string, ...any)  {}
func (logger) Errorf(string, ...any) {}

// Fatalf returns, which Pebble does not expect; see health for why it may.
func (l logger) Fatalf(format string, args ...any) {
	cause := fmt.Errorf(format, args...)
	for _, a := range args {
		if err, ok := a.(error); ok {
			cause = err
		}
	}
	l.h.fail(cause)
}
