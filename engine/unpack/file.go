package unpack

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// tempPrefix begins the names of files that are not complete yet.
const tempPrefix = ".afs-unpack-"

func tempName() string { return fmt.Sprintf("%s%016x", tempPrefix, rand.Uint64()) }

func isTemp(name string) bool {
	rest, ok := strings.CutPrefix(name, tempPrefix)
	return ok && len(rest) == 16
}

// file is a file on its way. Its pieces are written by whoever has them, in
// any order, under no name or a temporary one; with the last one it gets
// attributes and its own name. It holds its place open until end.
type file struct {
	u       *unpacker
	p       *place
	e       manifest.Entry
	written func() // tells the linker that it is over
	what    decision

	left  atomic.Int64 // pieces to come, and one while there may be more
	once  sync.Once    // over open
	f     *dirfd.File  // nil before open and after finish
	temp  string       // "" while there is none
	ready bool         // it has all attributes but its time
	err   error        // of open
}

func (u *unpacker) newFile(p *place, e manifest.Entry, written func()) *file {
	p.refs.Add(1)
	return &file{u: u, p: p, e: e, written: written}
}

// decide decides what is to be done about the file. All that need not be
// written is over then.
func (f *file) decide() (err error) {
	u := f.u
	if f.what, err = u.decide(f.p, f.e, nil); err == nil && f.what.puts() {
		u.files.Add(1)
		u.bytes.Add(f.e.Size)
	}
	if err == nil && (f.what == keep || f.what.puts() && u.o.DryRun) {
		err = u.linker.remember(f.p, f.e, f.what)
	}
	if err != nil {
		return f.p.fail(f.e.Name, err)
	}
	return nil
}

// open makes the file, once; inParts says that a write need not reach its end.
// Runs of zeros are what is never written.
func (f *file) open(inParts bool) error {
	f.once.Do(func() {
		if f.f, f.err = f.make(); f.err == nil && inParts && f.e.Size > 0 {
			f.err = f.f.Truncate(f.e.Size)
		}
	})
	return f.err
}

// make makes the file without a name, where that can be, if there is nothing
// to be replaced: that takes a rename.
func (f *file) make() (*dirfd.File, error) {
	dir := f.p.dir
	if f.what == create && !f.p.foreign && f.u.unnamed(dir) {
		if a := f.e.Attr; a.Owner.Known || len(a.Xattrs) > 0 {
			return dir.OpenUnnamed(0o600)
		}
		made, ready, err := f.p.makeReady(modeOf(f.e.Attr, false))
		f.ready = ready
		return made, err
	}
	temp := tempName()
	made, err := dir.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		f.temp = temp
	}
	return made, err
}

// unnamed says whether files on dest's file system can be made without a name
// and given one later, of which dir is a directory. The first to ask tries it,
// with an empty file.
func (u *unpacker) unnamed(dir *dirfd.Dir) bool {
	u.tryUnnamed.Do(func() {
		f, err := dir.OpenUnnamed(0o600)
		if err != nil {
			return
		}
		defer f.Close()
		temp := tempName()
		u.canUnnamed = dir.LinkFile(f, temp) == nil && dir.Remove(temp) == nil
	})
	return u.canUnnamed
}

// damaged is an error of the file's content. Paths in it are not the file's.
func (f *file) damaged(err error) error { return fmt.Errorf("%q: %w", f.p.path(f.e.Name), err) }

// write writes pieces that stand together, from off on.
func (f *file) write(b []byte, off int64, pieces int) error {
	err := f.open(int64(len(b)) < f.e.Size)
	if err == nil {
		_, err = f.f.WriteAt(b, off)
	}
	if err != nil {
		return f.p.fail(f.e.Name, err)
	}
	f.u.progress(0, int64(len(b)))
	return f.release(pieces)
}

// release says that pieces are written; with the last one the file is finished.
func (f *file) release(pieces int) error {
	if f.left.Add(-int64(pieces)) > 0 {
		return nil
	}
	if err := f.finish(); err != nil {
		return f.p.fail(f.e.Name, err)
	}
	return nil
}

func (f *file) finish() error {
	u, p := f.u, f.p
	err := f.open(true) // if it is empty, or a hole
	if err == nil && !f.ready {
		err = u.setAttrs(p, f.e.Name, f.f, f.e.Attr)
	}
	if err == nil {
		err = p.dir.SetMTimeOf(f.f, f.e.Attr.MTime)
	}
	if err == nil && u.eachSync(p) {
		err = f.f.Sync()
	}
	placed := false
	if err == nil {
		placed, err = f.takeName()
	}
	if err != nil {
		return err
	}
	if !placed {
		u.files.Add(-1)
		u.bytes.Add(-f.e.Size)
		return nil
	}
	u.progress(1, 0)
	return u.linker.remember(p, f.e, f.what)
}

// takeName closes the file, which is complete, and gives it its name, as settle
// and name do.
func (f *file) takeName() (placed bool, err error) {
	u, p := f.u, f.p
	if f.temp != "" {
		if err := f.close(); err != nil {
			return false, err
		}
		if placed, err = u.settle(p, f.temp, f.e.Name, f.what); err == nil {
			f.temp = ""
		}
		return placed, err
	}
	if placed, err = u.name(p, f.f, f.e.Name); err != nil {
		return false, err
	}
	if err = f.close(); err != nil && placed {
		_ = p.dir.Remove(f.e.Name) // it may lack what could not be written; the first error counts
	}
	return placed, err
}

func (f *file) close() error {
	err := f.f.Close()
	f.f = nil
	return err
}

// end lets go of the file, when nobody writes it any more. What is not
// complete is removed.
func (f *file) end() error {
	if f.f != nil {
		_ = f.close() // it is thrown away
	}
	if f.temp != "" {
		_ = f.p.dir.Remove(f.temp) // the next Resume removes what stays
	}
	f.written()
	return f.p.release()
}
