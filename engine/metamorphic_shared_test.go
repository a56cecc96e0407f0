package engine_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"github.com/artifortress/afs-engine/engine"
)

// metaShared says whose index an engine works with.
type metaShared int

const (
	alone      metaShared = iota // its own
	asClient                     // that of another engine, which owns the store
	takingOver                   // that of another engine, which leaves during the operation
)

// newDir is another place for the index. The index itself is on r.disk; a
// directory of the same name holds what other processes find the owner by.
func (r *metaRig) newDir() {
	r.t.Helper()
	r.opened++
	r.dir = "index" + strconv.Itoa(r.opened)
	if r.config.shared == alone {
		return
	}
	if r.socks == "" {
		dir, err := os.MkdirTemp("", "afs") // its path is short enough for a socket
		if err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(func() { _ = os.RemoveAll(dir) })
		r.socks = dir
	}
	r.dir = filepath.Join(r.socks, r.dir)
	if err := os.Mkdir(r.dir, 0o700); err != nil {
		r.t.Fatal(err)
	}
}

func (r *metaRig) closeAll() (err error) {
	for _, e := range []*engine.Local{r.Local, r.other} {
		if e != nil {
			err = errors.Join(err, e.Close())
		}
	}
	return err
}

// takeOver has the owner leave while the client works; done is for when the
// client has: it is the owner then, and r works with another client of it.
func (r *metaRig) takeOver() (done func()) {
	if r.config.shared != takingOver {
		return func() {}
	}
	left := make(chan error)
	owner := r.other
	go func() { left <- owner.Close() }()
	return func() {
		r.t.Helper()
		if err := <-left; err != nil {
			r.t.Fatalf("the owner leaves: %v", err)
		}
		if _, err := r.Stats(r.t.Context()); err != nil { // it is the owner now, if it was not asked before
			r.t.Fatal(err)
		}
		r.other = r.Local
		r.Local = r.join()
	}
}

// mayBeAgain reports whether op may have been carried out twice, the second
// time because nobody knew of the first: then it finds nothing to do, and that
// is no error.
func (r *metaRig) mayBeAgain(op metaOp) bool {
	return r.config.shared == takingOver && op.what == "discard"
}
