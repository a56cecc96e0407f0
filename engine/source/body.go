package source

import (
	"io"
	"sync/atomic"

	"github.com/artifortress/afs-engine/engine/dirfd"
)

// Body is a file's bytes, not opened yet. Any one goroutine may use it.
type Body interface {
	// Open opens the bytes, at most once. The reader reports ErrChanged
	// instead of EOF if the file is not what the walk has met any more.
	Open() (io.ReadCloser, error)

	// Release ends the use of the Body, once: after Open, or instead of it.
	// The reader is closed apart from it.
	Release()
}

// handle is an open directory that is closed when the walk has left it and
// the bodies of its files have been released.
type handle struct {
	*dirfd.Dir
	refs atomic.Int32
}

func newHandle(d *dirfd.Dir) *handle {
	h := &handle{Dir: d}
	h.refs.Store(1)
	return h
}

func (h *handle) hold() *handle {
	h.refs.Add(1)
	return h
}

func (h *handle) release() {
	if h.refs.Add(-1) == 0 {
		h.Dir.Close()
	}
}

// fileBody is a file of a directory that lstat has described.
type fileBody struct {
	dir  *handle
	name string
	info dirfd.Info
}

// Open implements Body.
func (b *fileBody) Open() (io.ReadCloser, error) { return openFile(b.dir.Dir, b.name, b.info) }

// Release implements Body.
func (b *fileBody) Release() { b.dir.release() }
