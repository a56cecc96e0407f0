// Package fusefs shows published versions as a read-only file system, through
// FUSE. The mount mirrors references:
//
//	MOUNT/REPO/PACKAGE@VERSION/PATH
//	MOUNT/REPO/PACKAGE@latest → PACKAGE@VERSION
//
// It has two halves with opposite rules. Above a version names come and go, so
// the kernel keeps none of them: every walk asks the registry, and what is
// published is there at once. Inside a version nothing ever changes, so the
// kernel keeps everything, attributes, names, absent names, listings and
// pages, for as long as it likes.
//
// Invariants: nothing can be written, and every attempt is EROFS. An inode's
// number and its attributes are the same at every mount of a version. Nothing
// is held for a name that the kernel does not refer to, the kernel is asked to
// refer to no more than a number of them, and of a directory's listing only the
// page that is being read is held. A version's damage is EIO and a
// line in the log, never "no such file" and never wrong bytes.
//
// Interrupts are not obeyed. The kernel reports every signal of the reader,
// also the harmless ones that language runtimes send themselves all day, and
// an interrupted page fault kills the reader with SIGBUS. So a request runs
// until the store has answered; the store's own time limits end it.
//
// A process should not work in a mount that it serves itself: package
// github.com/hanwen/go-fuse/v2/fs lists the deadlocks.
package fusefs

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"syscall"
	"time"

	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
)

// Errors of mounting and unmounting.
var (
	ErrMounted    = errors.New("already mounted")
	ErrNotMounted = errors.New("not a mount of this program")
	ErrBusy       = errors.New("mount is in use")
)

// Registry is what a mount shows. It must be safe for concurrent use. The
// contexts it gets end with the mount.
type Registry interface {
	// Name finds what stands at a path of the registry. An error that wraps
	// registry.ErrNotFound or registry.ErrBadRef says that nothing does.
	Name(ctx context.Context, path string) (registry.Name, error)

	// Names lists what stands directly under a path, "" being the top, in
	// byte order of Path.
	Names(ctx context.Context, under string) iter.Seq2[registry.Name, error]

	// Tree opens a published version: its root directory, and where its
	// chunks are read.
	Tree(ctx context.Context, ref registry.Ref) (manifest.Entry, manifest.Source, error)
}

// Options say what a mount looks like. The zero value shows the whole
// registry to the user who mounts it.
type Options struct {
	// Ref shows one directory alone, a version's root or, with a path, one in
	// it, as the root of the mount. A tag is resolved once, when mounting.
	Ref *registry.Ref

	// AllowOther lets other users in, within what the modes allow. Only root,
	// and users whom /etc/fuse.conf permits it, can ask for it.
	AllowOther bool

	// StoreName is what df and mount call the store; default "afs".
	StoreName string

	// Stat counts for statfs: bytes that the store takes, and files. Without
	// it df shows zeros.
	Stat func(ctx context.Context) (usedBytes, files int64, err error)

	// Errno translates failures of the registry; default EIO. Absent names are
	// ENOENT without it, and failures inside a version are always EIO.
	Errno func(error) syscall.Errno

	// Started is the modification time of directories above the versions, as
	// long as nothing in them is newer; default Now.
	Started time.Time

	// InodesMax is about how many files and directories the kernel may keep
	// in mind. Each takes up to InodeBytes of this process; beyond the number
	// the kernel is asked to drop the oldest. Default 65536.
	InodesMax int

	Logger *slog.Logger     // default: discards
	Now    func() time.Time // default: time.Now
}

// InodeBytes is what an inode that the kernel refers to takes of this process:
// 860 bytes measured, and some more for long names.
const InodeBytes = 1 << 10

func (o Options) withDefaults() Options {
	if o.StoreName == "" {
		o.StoreName = "afs"
	}
	if o.Errno == nil {
		o.Errno = func(error) syscall.Errno { return syscall.EIO }
	}
	if o.InodesMax == 0 {
		o.InodesMax = 1 << 16
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Started.IsZero() {
		o.Started = o.Now()
	}
	return o
}
