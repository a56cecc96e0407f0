// Package unpack writes a version's tree out: into a directory (Tree) or as a
// tar stream (Tar).
//
// Tree works by directory descriptors and follows no symbolic link below the
// destination, so a link that somebody has put there cannot lead a write
// elsewhere. A file is written without a name, where the system can do that, else
// under a temporary one in its directory, and gets its own when it is complete,
// with its mode and time: under its own name there is never half a file, and what
// an interrupted run has left can be told from what it has finished. Times and
// modes of directories are set after what is in them.
//
// One planner walks the version, and a dry run is the same code without the
// hands. It gathers files in windows of bounded size. The chunks of a window are
// asked for together (BulkSource), so that the store reads and decodes each frame
// once, in its own order and on all cores, and every piece goes to its place in
// its file. Nothing per file or directory is held whole: directories are read by
// pages on the one side and in windows on the other.
package unpack

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/filter"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// Overwrite says what may happen to files and links that stand where the
// version has something.
type Overwrite string

// The policies. Whatever the policy, a directory gives way to a file only with
// Options.Delete, since what is in it would be deleted.
const (
	Never   Overwrite = "never"   // nothing: the destination must be new or empty, see Options.Resume; also ""
	Changed Overwrite = "changed" // they are replaced if size, time, mode or owner differ, or one should be another name of a file and is not
	Always  Overwrite = "always"  // they are replaced
)

// ErrExists says that something stands where the version was to go. Nothing of
// that was touched. ErrDirExists is an ErrExists of which a directory is part
// that stands where a file or link was to go: see Overwrite. If that is dest
// itself, nothing makes it give way.
var (
	ErrExists    error = existsError{}
	ErrDirExists error = existsError{dir: true}
)

type existsError struct{ dir bool }

func (existsError) Error() string        { return "already there" }
func (existsError) Is(target error) bool { return target == fs.ErrExist || target == ErrExists }

// DestError is a failure of the destination rather than of the store or the
// version. Its path is one from the destination on.
type DestError struct{ *fs.PathError }

func (e *DestError) Unwrap() error { return e.PathError }

// Actions that Options.Report is told of. What stays as it is is not reported.
const (
	ActionCreate   = "create"
	ActionReplace  = "replace"
	ActionDelete   = "delete"
	ActionConflict = "conflict"

	// What could not be done to something that has been written. A dry run
	// does not know.
	ActionNoOwner  = "no-owner"  // it belongs to the user who restores
	ActionNoXattrs = "no-xattrs" // some of its extended attributes are missing
)

// Options choose how a tree is written. The zero value fills a new or empty
// directory.
type Options struct {
	Overwrite Overwrite
	Delete    bool           // delete what the version does not have, as far as the filter takes it
	Filter    *filter.Filter // what to write; nil is all. Ignore files are not read
	DryRun    bool           // report and count only
	Resume    bool           // go on after an interrupted run: files with the right size, time, mode and bytes are kept, its temporary files deleted
	Workers   int            // goroutines that read and write at once; 0 is GOMAXPROCS

	// Report is told of each action, before it is done if it can be, and Progress of all
	// that is done so far, kept files included. One call at a time; in no
	// particular order.
	Report   func(action, path string)
	Progress func(files, bytes int64)
}

// Result counts. In a dry run it is what would have been done.
type Result struct {
	Files   int64 // written
	Dirs    int64 // made
	Links   int64 // made
	Bytes   int64 // in the files written
	Skipped int64 // files and links left as they were
	Deleted int64 // names deleted; a directory with all that is in it is one
	Linked  int64 // further names given to files that were written or kept

	NoOwner  int64 // written without the owner that the version has
	NoXattrs int64 // written without all the extended attributes that the version has
}

// unpacker is one run of Tree.
type unpacker struct {
	ctx   context.Context
	src   manifest.Source
	bulk  BulkSource // src
	o     Options
	group *errgroup.Group // the windows that are being written

	limits      limits
	descriptors int     // to reserve
	window      *window // that is being planned
	ramp        int     // how many times it is halved

	anchor *dirfd.Dir // a directory on the destination's file system
	dev    uint64     // that file system
	root   bool       // this user may set owners
	linker linker

	tryUnnamed sync.Once // over canUnnamed
	canUnnamed bool

	files, dirs, links, bytes, skipped, deleted atomic.Int64
	linked, noOwner, noXattrs                   atomic.Int64
	doneFiles, doneBytes                        atomic.Int64 // for Progress

	mu        sync.Mutex // over the callbacks and conflicts
	conflicts []string   // the first few
	refused   int        // conflicts in all
	exists    existsError
}

// conflictsNamed is how many conflicts the error names.
const conflictsNamed = 3

func newUnpacker(ctx context.Context, src manifest.Source, o Options) *unpacker {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Overwrite == "" {
		o.Overwrite = Never
	}
	u := &unpacker{src: src, bulk: bulkOf(src), o: o, ramp: rampUp, root: os.Geteuid() == 0}
	u.limits, u.descriptors = limitsOf(dirfd.Limit())
	u.group, u.ctx = errgroup.WithContext(ctx)
	u.group.SetLimit(windowsAtOnce)
	return u
}

func (u *unpacker) result() Result {
	return Result{
		Files: u.files.Load(), Dirs: u.dirs.Load(), Links: u.links.Load(),
		Bytes: u.bytes.Load(), Skipped: u.skipped.Load(), Deleted: u.deleted.Load(),
		Linked: u.linked.Load(), NoOwner: u.noOwner.Load(), NoXattrs: u.noXattrs.Load(),
	}
}

func (u *unpacker) report(action, path string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if action == ActionConflict {
		if u.refused++; len(u.conflicts) < conflictsNamed {
			u.conflicts = append(u.conflicts, path)
		}
	}
	if u.o.Report != nil {
		u.o.Report(action, path)
	}
}

// refuse reports what is in the way of a file or link.
func (u *unpacker) refuse(path string, info dirfd.Info) {
	if info.Type == dirfd.Directory {
		u.mu.Lock()
		u.exists.dir = true
		u.mu.Unlock()
	}
	u.report(ActionConflict, path)
}

// progress adds to what is done.
func (u *unpacker) progress(files, bytes int64) {
	f, b := u.doneFiles.Add(files), u.doneBytes.Add(bytes)
	if u.o.Progress == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.o.Progress(f, b)
}

// conflict is the error for what was in the way, if anything was.
func (u *unpacker) conflict() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.refused == 0:
		return nil
	case u.conflicts[0] == ".":
		return fmt.Errorf("%w, and not empty", u.exists)
	case u.refused > len(u.conflicts):
		return fmt.Errorf("%w: %q and %d more", u.exists, u.conflicts, u.refused-len(u.conflicts))
	}
	return fmt.Errorf("%w: %q", u.exists, u.conflicts)
}
