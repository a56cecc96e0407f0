package unpack

import (
	"errors"
	"io/fs"
	"sync/atomic"
	"syscall"

	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// Bits of a mode.
const (
	permissions = 0o777
	allBits     = 0o7777
)

// modeOf is the mode to set. The bits above the permissions mean something
// only together with the owner: a stranger's setuid bit must not become the
// restoring user's.
func modeOf(a manifest.Attr, owned bool) uint32 {
	if owned {
		return a.Mode & allBits
	}
	return a.Mode & permissions
}

// owns reports whether the version says who owns a file, and info agrees.
func owns(a manifest.Attr, info dirfd.Info) bool {
	return a.Owner == manifest.Owner{Known: true, UID: info.UID, GID: info.GID}
}

// sameAttrs compares time, owner as far as this user could set it, and, but
// for links, mode.
func (u *unpacker) sameAttrs(a manifest.Attr, info dirfd.Info) bool {
	owned := owns(a, info)
	if !info.MTime.Equal(a.MTime) || u.root && a.Owner.Known && !owned {
		return false
	}
	return info.Type == dirfd.Link || info.Mode == modeOf(a, owned)
}

// opened is what dirfd.File and dirfd.Dir have in common.
type opened interface {
	Stat() (dirfd.Info, error)
	Chown(uid, gid uint32) error
	Chmod(mode uint32) error
	SetXattr(x dirfd.Xattr) error
}

// setAttrs sets owner, extended attributes and mode of what is to be called
// name in p ("": p itself). In this order: a new owner takes setuid and
// capabilities away, and a mode may forbid the rest.
func (u *unpacker) setAttrs(p *place, name string, f opened, a manifest.Attr) error {
	owned := false
	if a.Owner.Known {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		owned = owns(a, info)
		if !owned {
			owned, err = u.owned(p, name, f.Chown(a.Owner.UID, a.Owner.GID))
		}
		if err != nil {
			return err
		}
	}
	u.setXattrs(p, name, f, a.Xattrs)
	return f.Chmod(modeOf(a, owned))
}

// owned is what became of a change of owner. Not to be allowed it is no error.
func (u *unpacker) owned(p *place, name string, err error) (bool, error) {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EINVAL) { // EINVAL: an id that a user namespace does not have
		u.without(ActionNoOwner, &u.noOwner, p, name)
		return false, nil
	}
	return err == nil, err
}

// setXattrs sets what it can. File systems differ in what they take, and some
// attributes are root's to set.
func (u *unpacker) setXattrs(p *place, name string, f opened, xs []manifest.Xattr) {
	all := true
	for _, x := range xs {
		all = x.Portable() && f.SetXattr(dirfd.Xattr(x)) == nil && all
	}
	if !all {
		u.without(ActionNoXattrs, &u.noXattrs, p, name)
	}
}

// without reports and counts what is there without something it should have.
func (u *unpacker) without(action string, n *atomic.Int64, p *place, name string) {
	n.Add(1)
	u.report(action, p.path(name))
}
