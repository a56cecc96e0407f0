package engine

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/engine/commitlog"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// namedErrors are the errors whose meaning a client of another process must
// learn, by names that do not change.
func namedErrors() map[string]error {
	return map[string]error{
		"not-found":         registry.ErrNotFound,
		"conflict":          registry.ErrConflict,
		"open-draft":        registry.ErrOpenDraft,
		"draft-incomplete":  registry.ErrDraftIncomplete,
		"bad-reference":     registry.ErrBadRef,
		"read-only":         ErrReadOnly,
		"feature":           ErrFeature,
		"damaged":           ErrDamaged,
		"usage":             ErrUsage,
		"fenced":            commitlog.ErrFenced,
		"log-gap":           commitlog.ErrGap,
		"log-unknown":       commitlog.ErrUnknown,
		"index-corrupt":     index.ErrCorrupt,
		"index-failed":      index.ErrFailed,
		"dangling":          index.ErrDangling,
		"pack-corrupt":      packfile.ErrCorrupt,
		"pack-unknown":      packfile.ErrUnknown,
		"malformed":         wire.ErrMalformed,
		"object-absent":     backends.ErrNotExist,
		"store-unavailable": backends.ErrUnavailable,
		"no-space":          syscall.ENOSPC,
		"quota":             syscall.EDQUOT,
		"io":                syscall.EIO,
		"read-only-files":   syscall.EROFS,
		"permission":        fs.ErrPermission,
	}
}

// hintGiven is the hint that err was given, if any.
func hintGiven(err error) string {
	var h *hintError
	if errors.As(err, &h) {
		return h.hint
	}
	return ""
}
