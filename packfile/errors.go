package packfile

import (
	"errors"
	"fmt"

	"github.com/artifortress/afs-engine/chunker"
)

// Errors that callers act on.
var (
	ErrCorrupt = errors.New("pack is corrupt")                                            // every *CorruptError is one
	ErrUnknown = errors.New("pack was written in a form that this version does not know") // a newer version may read it
)

// CorruptError says which bytes of a store are not what was written.
type CorruptError struct {
	Object string     // key in the store
	Offset int64      // of the damaged part in the object, in bytes; -1: the object as a whole
	Chunk  chunker.ID // the chunk that does not match its id; zero: the damage is elsewhere
	Lost   []Entry    // from Scan: the chunks that cannot be read because of it
	Reason string     // what was found
	Err    error      // cause, or nil
}

// Error names object, place, reason and cause in one line.
func (e *CorruptError) Error() string {
	s := "object " + e.Object + " is corrupt"
	if e.Offset >= 0 {
		s += fmt.Sprintf(" at byte %d", e.Offset)
	}
	if !e.Chunk.IsZero() {
		s += ": chunk " + e.Chunk.String()
	}
	s += ": " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Is makes every CorruptError an ErrCorrupt.
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }

// Unwrap is the cause.
func (e *CorruptError) Unwrap() error { return e.Err }

// damaged turns what a decoder says about a part of an object into the error
// that callers see. A form that is merely unknown is no damage, and what a delta
// refers to is damaged elsewhere.
func damaged(object string, offset int64, part string, err error) error {
	var bases *BasesError
	if errors.Is(err, ErrUnknown) || errors.Is(err, ErrNoBases) || errors.As(err, &bases) {
		return fmt.Errorf("read %s of %s: %w", part, object, err)
	}
	return &CorruptError{Object: object, Offset: offset, Reason: part, Err: err}
}
