// Package registry names things: repos hold packages, packages hold versions,
// tags point at versions. A version goes draft → published → tombstoned and
// never back; a published version never changes, and its name never means
// anything else.
//
// The package decides which transitions are allowed and keeps the rows that
// the commit log's records imply. It stores nothing by itself: rows live in
// the index, and the log is the truth.
package registry

import "errors"

// Errors about names and states.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("conflict") // the name is taken by other content, or by another kind of name
)

// errStop ends a scan early.
var errStop = errors.New("stop")

func ignoreStop(err error) error {
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}
