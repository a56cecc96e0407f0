package unpack

import (
	"errors"
	"io/fs"

	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// decision is what is to be done about a name.
type decision int

const (
	leave   decision = iota // something is in the way that must stay
	keep                    // what is there is right
	create                  // there is nothing
	replace                 // what is there gives way, or has
)

// puts says whether something is to be written.
func (d decision) puts() bool { return d == create || d == replace }

// decide says what to do about a file or link, after it has made way for it.
// What is kept is counted here. dest itself, if it is to be a file, never
// replaces a directory. With first, e is to be another name of that file.
func (u *unpacker) decide(p *place, e manifest.Entry, first *firstName) (decision, error) {
	var info dirfd.Info
	there := false
	if !p.fresh {
		var err error
		if info, there, err = p.lstat(e.Name); err != nil {
			return leave, err
		}
	}
	if !there {
		u.report(ActionCreate, p.path(e.Name))
		return create, nil
	}
	var same bool
	var err error
	switch {
	case first != nil && first.is(info, e):
		same = true
	case first != nil && u.o.Overwrite != Never: // the same bytes are not the same file
	default:
		if same, err = u.matches(p, e, info); err != nil {
			return leave, err
		}
	}
	switch {
	case same && (u.o.Resume || u.o.Overwrite == Changed):
		u.skipped.Add(1)
		u.progress(1, e.Size)
		return keep, nil
	case u.o.Overwrite == Never, info.Type == dirfd.Directory && (!u.o.Delete || p.above == nil):
		u.refuse(p.path(e.Name), info)
		return leave, nil
	}
	u.report(ActionReplace, p.path(e.Name))
	if info.Type == dirfd.Directory && !u.o.DryRun {
		return replace, removeAll(u.ctx, p.dir, e.Name)
	}
	return replace, nil
}

// matches compares what is there with e: a link by target, time and owner; a
// file by size, time, mode and owner and, for Resume, by its bytes.
func (u *unpacker) matches(p *place, e manifest.Entry, info dirfd.Info) (bool, error) {
	if !u.sameAttrs(e.Attr, info) {
		return false, nil
	}
	switch {
	case e.Kind == manifest.Symlink && info.Type == dirfd.Link:
		target, err := p.dir.Readlink(e.Name, manifest.TargetMax)
		return target == e.Target, err
	case e.Kind == manifest.File && info.Type == dirfd.Regular:
		if info.Size != e.Size || !u.o.Resume {
			return info.Size == e.Size, nil
		}
		return u.sameBytes(p, e)
	}
	return false, nil
}

// settle gives what is complete under a temporary name the name to. Where
// nothing was, something may be by now, or the file system may take two names
// for one: what has it then is not replaced but by a policy. It reports false
// if it stays, and has taken the temporary name away.
func (u *unpacker) settle(p *place, temp, to string, d decision) (bool, error) {
	if d == create {
		err := p.dir.RenameNew(temp, to)
		if !errors.Is(err, fs.ErrExist) {
			return err == nil, err
		}
		if u.o.Overwrite == Never {
			u.report(ActionConflict, p.path(to))
			return false, p.dir.Remove(temp)
		}
	}
	err := p.dir.Rename(temp, to)
	return err == nil, err
}

// name is settle for a complete file that has no name, where nothing was.
func (u *unpacker) name(p *place, f *dirfd.File, to string) (bool, error) {
	err := p.dir.LinkFile(f, to)
	if !errors.Is(err, fs.ErrExist) {
		return err == nil, err
	}
	if u.o.Overwrite == Never {
		u.report(ActionConflict, p.path(to))
		return false, nil
	}
	temp := tempName()
	if err := p.dir.LinkFile(f, temp); err != nil {
		return false, err
	}
	if err := p.dir.Rename(temp, to); err != nil {
		_ = p.dir.Remove(temp) // the first error counts
		return false, err
	}
	return true, nil
}
