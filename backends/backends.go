// Package backends says what an object store is: a flat namespace of
// immutable objects, written whole, read by range, listed by prefix. Everything
// durable in the engine is such an object. Implementations stand in packages
// below this one, decorators likewise, and all of them pass the contract suite
// in backendtest. This package imports the standard library only.
package backends

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
)

// Errors that callers act on. Stores wrap them with the key and the cause.
var (
	ErrExist       = errors.New("object exists")                         // Put: the key is taken; nothing was changed
	ErrNotExist    = errors.New("object does not exist")                 // Get, Stat
	ErrRetained    = errors.New("object is under retention")             // Delete
	ErrBadKey      = errors.New("bad object key")                        // any: see ValidateKey
	ErrRange       = errors.New("range is outside of the object")        // Get
	ErrTooLarge    = errors.New("object is larger than its kind may be") // ReadAll
	ErrUnavailable = errors.New("store is unavailable")                  // any: trying again later may help
)

// Store keeps immutable objects under flat keys. All methods are safe for
// concurrent use, by several processes too, and honour ctx. A method that
// fails with anything but the errors above may have had its effect or not.
//
// Keys: segments of [A-Za-z0-9._-], at most 255 bytes each, joined by '/';
// no segment is "." or "..", none begins with '.', and no key is a path prefix
// of another (see ValidateKey).
type Store interface {
	// Put stores what body holds from its start to its end, atomically,
	// durably (once Put returns nil the object survives power loss, and so
	// does its name), and only if key is free: else ErrExist. Readers see the
	// whole object or none. The store may read body several times.
	Put(ctx context.Context, key string, body io.ReadSeeker) error

	// Get opens the n bytes of the object from off; n < 0 reads to the end.
	// The reader gives exactly that range or an error: never fewer bytes with
	// a clean EOF. A range that is not inside the object is ErrRange. The
	// caller closes the reader.
	Get(ctx context.Context, key string, off, n int64) (io.ReadCloser, error)

	// Stat describes one object, or fails with ErrNotExist.
	Stat(ctx context.Context, key string) (Info, error)

	// List yields the objects whose keys begin with prefix (any string, ""
	// for all), each once, in ascending byte order of keys. Objects put or
	// deleted meanwhile may be seen or not. After an error it stops.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]

	// Delete removes the object. A key that is absent is no error; an object
	// that the store must keep is ErrRetained.
	Delete(ctx context.Context, key string) error
}

// Info describes an object.
type Info struct {
	Key     string
	Size    int64 // bytes
	ModTime time.Time
}

// Unwrapper is implemented by decorators.
type Unwrapper interface{ Unwrap() Store }

// As finds an optional power T (an interface) in s or, through decorators, in
// what s wraps.
func As[T any](s Store) (T, bool) {
	for s != nil {
		if t, ok := s.(T); ok {
			return t, true
		}
		u, ok := s.(Unwrapper)
		if !ok {
			break
		}
		s = u.Unwrap()
	}
	var zero T
	return zero, false
}

// Sweeper is an optional power: to remove what writers that died left behind
// longer ago than olderThan. It returns how many things it removed.
type Sweeper interface {
	Sweep(olderThan time.Duration) (removed int, err error)
}

// Local is an optional power: that to read an object takes no round trip to
// another machine.
type Local interface{ Local() }

// Appender is an optional power: to take an object bit by bit, as it is made,
// when its key is not known yet.
type Appender interface {
	Begin(ctx context.Context) (Upload, error)
}

// Upload is an object that is being made. Not safe for concurrent use.
type Upload interface {
	// Write appends to the object. After an error the upload can only be aborted.
	io.Writer

	// Put makes what was written the object of a key, as Store.Put does. It ends
	// the upload, whatever it returns.
	Put(ctx context.Context, key string) error

	// Abort gives up what was written. After Put it does nothing.
	Abort()
}

// Limits on keys, in bytes.
const (
	KeyMax     = 1024
	SegmentMax = 255
)

// ReadAll returns the n bytes of an object from off (n < 0: to the end), but
// never more than limit: an object that would exceed it is an error, so that
// no stranger's object decides how much memory is used.
func ReadAll(ctx context.Context, s Store, key string, off, n, limit int64) ([]byte, error) {
	r, err := s.Get(ctx, key, off, n)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	tooLarge := fmt.Errorf("%w: %s has more than %d bytes", ErrTooLarge, key, limit)
	if n > limit {
		return nil, tooLarge
	}
	if n >= 0 {
		b := make([]byte, n)
		_, err := io.ReadFull(r, b)
		return b, err
	}
	b, err := io.ReadAll(io.LimitReader(r, max(limit, limit+1))) // limit+1 may overflow
	if err == nil && int64(len(b)) > limit {
		return nil, tooLarge
	}
	return b, err
}
