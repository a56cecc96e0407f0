package unpack

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/filter"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// place is a directory of the destination while something is written in it.
type place struct {
	u     *unpacker
	above *place
	base  string // its name there
	entry manifest.Entry
	scope *filter.Scope

	opened  bool       // planned: made, or found
	refused bool       // something is in the way that must stay
	fresh   bool       // made by this run, which looks at nothing in it: should something be there, settle finds it
	kept    bool       // mode and time are not the version's to set
	foreign bool       // on another file system than dest
	dir     *dirfd.Dir // nil in a dry run, where it would be new

	exact atomic.Uint32 // a mode, and seen, that files made in dir have as it was asked for

	refs atomic.Int32 // one for the planner, one for each file on its way
}

func newPlace(u *unpacker, above *place, base string, e manifest.Entry, scope *filter.Scope) *place {
	p := &place{u: u, above: above, base: base, entry: e, scope: scope}
	p.refs.Store(1)
	return p
}

// path is a name's path for reports, from dest; with "" the place's own.
func (p *place) path(name string) string {
	var segs []string
	if name != "" {
		segs = append(segs, name)
	}
	for ; p.above != nil && p.above.above != nil; p = p.above {
		segs = append(segs, p.base)
	}
	if len(segs) == 0 {
		return "."
	}
	slices.Reverse(segs)
	return strings.Join(segs, "/")
}

// fail names the path in an error, instead of the bare name in it. A whole path
// is of something else: the store, or the scratch space.
func (p *place) fail(name string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) && !filepath.IsAbs(pe.Path) {
		return &DestError{&fs.PathError{Op: pe.Op, Path: p.path(name), Err: pe.Err}}
	}
	return fmt.Errorf("%q: %w", p.path(name), err)
}

// lstat describes a name in p; ok is false if there is nothing.
func (p *place) lstat(name string) (info dirfd.Info, ok bool, err error) {
	if p.dir == nil {
		return info, false, nil
	}
	info, err = p.dir.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return info, false, nil
	}
	return info, err == nil, err
}

// open plans p and the places above it, and makes their directories.
func (u *unpacker) open(p *place) error {
	if p.opened {
		return nil
	}
	if err := u.open(p.above); err != nil {
		return err
	}
	p.opened = true
	if p.above.refused {
		p.refused = true
		return nil
	}
	if err := u.makeDir(p); err != nil {
		return p.fail("", err)
	}
	if p.refused {
		return nil
	}
	return u.prune(p)
}

func (u *unpacker) makeDir(p *place) error {
	above := p.above
	info, there, err := above.lstat(p.base)
	if err != nil {
		return err
	}
	action := ActionCreate
	if there && info.Type != dirfd.Directory {
		if u.o.Overwrite == Never {
			p.refused = true
			u.report(ActionConflict, p.path(""))
			return nil
		}
		action = ActionReplace
	}
	isNew := !there || action == ActionReplace
	if isNew {
		u.report(action, p.path(""))
		u.dirs.Add(1)
		if u.o.DryRun {
			return nil
		}
		if there {
			if err := above.dir.Remove(p.base); err != nil {
				return err
			}
		}
		if err := above.dir.Mkdir(p.base, 0o700); err != nil {
			return err
		}
	}
	if p.dir, err = above.dir.OpenDir(p.base); err != nil || u.o.DryRun {
		return err
	}
	if !isNew && info.Mode&0o700 != 0o700 {
		if err := p.dir.Chmod(info.Mode&permissions | 0o700); err != nil {
			return err
		}
	}
	p.fresh = isNew && u.o.Overwrite == Never
	p.foreign = above.foreign || !isNew && above.above != nil && info.Dev != u.dev
	return nil
}

// seen tells a mode that was seen from none.
const seen = 1 << 31

// makeReady makes a file without a name, which nobody can open before it has one,
// and reports whether it has its mode already: umask, or the directory's ACL, may
// have taken something of it. Most files in a directory have the same mode, so it
// is looked at once.
func (p *place) makeReady(mode uint32) (f *dirfd.File, ready bool, err error) {
	if f, err = p.dir.OpenUnnamed(mode); err != nil || p.exact.Load() == mode|seen {
		return f, err == nil, err
	}
	if info, err := f.Stat(); err == nil && info.Mode == mode {
		ready = true
		p.exact.Store(mode | seen)
	}
	return f, ready, nil
}

// release gives back one reference. With the last one nothing more is written
// in p: it gets its time, then its mode, which may forbid any more writing.
func (p *place) release() (err error) {
	if p.refs.Add(-1) > 0 || p.dir == nil {
		return nil
	}
	defer func() { err = errors.Join(err, p.dir.Close()) }()
	if p.refused || p.u.o.DryRun || p.u.ctx.Err() != nil {
		return nil
	}
	if !p.kept {
		if err = p.dir.SetMTime(".", p.entry.Attr.MTime); err == nil {
			err = p.u.setAttrs(p, "", p.dir, p.entry.Attr)
		}
	}
	if err == nil && p.u.eachSync(p) {
		err = p.dir.Sync()
	}
	if err != nil {
		return p.fail("", err)
	}
	return nil
}

// eachSync says whether what is written in p must be synced by itself, because
// syncing the anchor's file system does not reach it.
func (u *unpacker) eachSync(p *place) bool { return p.foreign || !dirfd.HasSyncAll }
