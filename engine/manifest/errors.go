package manifest

import "errors"

// Errors that callers act on. A node that breaks the format is
// wire.ErrMalformed, wrapped with the node's id; a name that is not there is
// fs.ErrNotExist.
var (
	ErrName    = errors.New("not a name that a manifest can hold") // empty, ".", "..", over NameMax, with NUL or '/'
	ErrOrder   = errors.New("names are not in ascending byte order")
	ErrEntry   = errors.New("entry contradicts itself or exceeds a limit")
	ErrNesting = errors.New("directories are nested too deeply")
	ErrNotDir  = errors.New("not a directory")
	ErrNotFile = errors.New("not a regular file")
)
