package dataplane

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Errors of the service's transport.
var (
	// ErrSkew is the answer of an owner that speaks another protocol.
	ErrSkew = errors.New("the store is in use by another version of the program")

	// ErrSilent says that a process holds the store and cannot be reached.
	ErrSilent = errors.New("the store is in use by a process that does not answer")

	// ErrOver is the answer of an owner that cannot go on: its index has failed.
	// What was asked for may have been done. The next owner knows.
	ErrOver = errors.New("the store's owner cannot go on")

	// ErrProtocol says that a message makes no sense.
	ErrProtocol = errors.New("bad message")

	// errLost says that nobody knows what came of a call.
	errLost = errors.New("the connection to the store's owner was lost")

	// errForeign is the kind of ErrSilent that waiting does not help with.
	errForeign = fmt.Errorf("%w", ErrSilent)

	// errLater asks to call again: the owner is busy with the index itself.
	errLater = errors.New("the store's owner is busy")
)

// Errors are those that keep their meaning on the way from the owner to a
// client. Others arrive as text.
type Errors struct {
	Named    map[string]error                // by a name that does not change
	Hint     func(error) string              // what to do about an error; may be nil
	WithHint func(err error, h string) error // may be nil
}

// failure is an error on its way.
type failure struct {
	Text string
	Is   []string // names of what it is
	Hint string
}

func (e Errors) encode(err error) *failure {
	if err == nil {
		return nil
	}
	f := &failure{Text: err.Error()}
	all := e.all()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if errors.Is(err, all[name]) {
			f.Is = append(f.Is, name)
		}
	}
	if e.Hint != nil {
		f.Hint = e.Hint(err)
	}
	return f
}

func (e Errors) decode(f *failure) error {
	if f == nil {
		return nil
	}
	r := &remoteError{text: f.Text}
	all := e.all()
	for _, name := range f.Is {
		if is, ok := all[name]; ok {
			r.is = append(r.is, is)
		}
	}
	if e.WithHint != nil && f.Hint != "" {
		return e.WithHint(r, f.Hint)
	}
	return r
}

// all is the table with what belongs to every service.
func (e Errors) all() map[string]error {
	all := map[string]error{
		"canceled": context.Canceled, "deadline": context.DeadlineExceeded,
		"protocol": ErrProtocol, "skew": ErrSkew, "later": errLater, "closed": ErrClosed, "over": ErrOver,
	}
	maps.Copy(all, e.Named)
	return all
}

// remoteError is what the owner said.
type remoteError struct {
	text string
	is   []error
}

func (e *remoteError) Error() string   { return e.text }
func (e *remoteError) Unwrap() []error { return e.is }

func badMessage(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrProtocol}, args...)...)
}
