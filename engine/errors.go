package engine

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/engine/commitlog"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/engine/filter"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/source"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// Errors of the engine itself. The packages below have their own.
var (
	ErrIncomplete = errors.New("some sources could not be read")
	ErrNoStore    = errors.New("no store here")
	ErrStoreTaken = errors.New("a store exists here already")
	ErrFeature    = errors.New("the store uses a feature that this version does not know")
	ErrUsage      = errors.New("bad usage")
	ErrDamaged    = errors.New("the store is damaged")
	ErrReadOnly   = errors.New("the store can only be read from here")
)

// Kind sorts errors by what a caller can do about them. It decides the exit
// code, the HTTP status and the errno, in one table (docs/cli.md repeats it).
type Kind int

// The kinds. The values are exit codes.
const (
	KindOK          Kind = 0
	KindInternal    Kind = 1
	KindDifferent   Kind = 2
	KindPartial     Kind = 3
	KindNotFound    Kind = 10
	KindBusy        Kind = 11
	KindDenied      Kind = 12
	KindCorrupt     Kind = 13
	KindConflict    Kind = 14
	KindUnavailable Kind = 15
	KindNoSpace     Kind = 16
	KindThawing     Kind = 17
	KindRefused     Kind = 18
	KindUsage       Kind = 64
	KindInterrupted Kind = 130
	KindTerminated  Kind = 143
)

type kindRow struct {
	kind   Kind
	name   string
	status int // HTTP
	errno  syscall.Errno
	hint   string // what to do, if the error brings no hint of its own
	errs   []error
}

// kinds is searched from the top: the first row that lists an error wins.
var kinds = []kindRow{
	{KindPartial, "partly-done", 207, syscall.EIO, "fix what is listed and run it again, or pass --allow-incomplete", []error{ErrIncomplete, registry.ErrDraftIncomplete}},
	{KindUsage, "usage", 400, syscall.EINVAL, "see --help", []error{ErrUsage, registry.ErrBadRef, manifest.ErrNotDir, manifest.ErrNotFile, manifest.ErrName, manifest.ErrOrder, manifest.ErrEntry, manifest.ErrNesting, source.ErrNotTar, source.ErrSameName, filter.ErrBadPattern, syscall.ENOTDIR, syscall.EISDIR, syscall.ELOOP, syscall.ENAMETOOLONG}},
	{KindCorrupt, "corrupt", 500, syscall.EIO, "run 'afs-engine index rebuild'", []error{index.ErrCorrupt}},
	{KindCorrupt, "corrupt", 500, syscall.EIO, "run 'afs-engine verify --read-data' to see what is affected", []error{ErrDamaged, wire.ErrMalformed, packfile.ErrCorrupt, commitlog.ErrGap, index.ErrDangling, backends.ErrTooLarge, syscall.EIO}},
	{KindConflict, "conflict", 409, syscall.EEXIST, "a published name never changes: choose another version", []error{registry.ErrConflict, ErrStoreTaken, fs.ErrExist}},
	{KindNotFound, "not-found", 404, syscall.ENOENT, "'afs-engine ls' lists what is there", []error{registry.ErrNotFound, ErrNoStore, backends.ErrNotExist, fs.ErrNotExist}},
	{KindBusy, "busy", 423, syscall.EBUSY, "another process uses the store: wait for it to end", []error{index.ErrBusy, commitlog.ErrFenced, dataplane.ErrSkew, dataplane.ErrSilent}},
	{KindRefused, "refused", 451, syscall.EPERM, "use a newer afs-engine", []error{ErrFeature, commitlog.ErrUnknown, packfile.ErrUnknown, backends.ErrRetained}},
	{KindDenied, "denied", 403, syscall.EACCES, "check owner and permissions", []error{ErrReadOnly, fs.ErrPermission, syscall.EROFS}},
	{KindNoSpace, "no-space", 507, syscall.ENOSPC, "free some space and run it again: what was stored is kept", []error{syscall.ENOSPC, syscall.EDQUOT}},
	{KindUnavailable, "unavailable", 503, syscall.EAGAIN, "try again later", []error{ErrClosed, backends.ErrUnavailable, context.DeadlineExceeded}},
	{KindInterrupted, "interrupted", 499, syscall.EINTR, "run it again to go on", []error{context.Canceled}},
	{KindThawing, "thawing", 503, syscall.EAGAIN, "the data is being brought back: try again later", nil},
	{KindDifferent, "different", 200, 0, "", nil},
	{KindTerminated, "terminated", 499, syscall.EINTR, "run it again to go on", nil},
	{KindInternal, "internal", 500, syscall.EIO, "this is a defect: please report it with the command that led here", nil},
}

func (k Kind) row() *kindRow {
	for i := range kinds {
		if kinds[i].kind == k {
			return &kinds[i]
		}
	}
	return &kinds[len(kinds)-1]
}

// ExitCode is what a process ends with.
func (k Kind) ExitCode() int { return int(k) }

// HTTPStatus is what a server answers.
func (k Kind) HTTPStatus() int { return k.row().status }

// Errno is what a file system answers.
func (k Kind) Errno() syscall.Errno { return k.row().errno }

// String is the kind's name in JSON output.
func (k Kind) String() string {
	if k == KindOK {
		return "ok"
	}
	return k.row().name
}

// KindOf sorts err; nil is KindOK.
func KindOf(err error) Kind {
	if err == nil {
		return KindOK
	}
	return rowOf(err).kind
}

func rowOf(err error) *kindRow {
	for i := range kinds {
		for _, e := range kinds[i].errs {
			if errors.Is(err, e) {
				return &kinds[i]
			}
		}
	}
	return KindInternal.row()
}

// HintOf says what to do about err: the hint it was given, else its kind's.
func HintOf(err error) string {
	var h *hintError
	if errors.As(err, &h) {
		return h.hint
	}
	return rowOf(err).hint
}

// WithHint gives err a hint of its own. The message stays as it is.
func WithHint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return &hintError{err, hint}
}

type hintError struct {
	error
	hint string
}

func (e *hintError) Unwrap() error { return e.error }
