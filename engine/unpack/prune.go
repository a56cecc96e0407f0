package unpack

import (
	"context"
	"errors"
	"io/fs"

	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/filter"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// prune deletes names in p that the version does not have: all that the filter
// takes with Delete, temporary files with Resume.
func (u *unpacker) prune(p *place) error {
	if p.dir == nil || !u.o.Delete && !u.o.Resume {
		return nil
	}
	dir, err := manifest.OpenDir(u.src, p.entry)
	if err != nil {
		return err
	}
	// While names are deleted a system may hide others, so it takes a pass
	// that deletes nothing.
	for again := true; again; {
		again = false
		for name, err := range p.dir.Names() {
			if err != nil {
				return p.fail("", err)
			}
			surplus, err := u.surplus(p, dir, name)
			if err != nil {
				return p.fail(name, err)
			}
			if !surplus {
				continue
			}
			u.report(ActionDelete, p.path(name))
			u.deleted.Add(1)
			if u.o.DryRun {
				continue
			}
			if err := removeAll(u.ctx, p.dir, name); err != nil {
				return p.fail(name, err)
			}
			again = true
		}
	}
	return nil
}

// surplus says whether a name in p is to be deleted.
func (u *unpacker) surplus(p *place, dir *manifest.Directory, name string) (bool, error) {
	if err := u.ctx.Err(); err != nil {
		return false, err
	}
	leftover := u.o.Resume && isTemp(name)
	if !leftover && !u.o.Delete {
		return false, nil
	}
	if !leftover {
		info, there, err := p.lstat(name)
		if err != nil || !there || p.scope.Match(name, info.Type == dirfd.Directory) != filter.Take {
			return false, err
		}
	}
	_, err := dir.Lookup(u.ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return false, err
}

// removeAll removes whatever name is, without following links.
func removeAll(ctx context.Context, dir *dirfd.Dir, name string) error {
	info, err := dir.Lstat(name)
	if err != nil {
		return err
	}
	if info.Type != dirfd.Directory {
		return dir.Remove(name)
	}
	sub, err := dir.OpenDir(name)
	if err != nil {
		return err
	}
	err = removeContents(ctx, sub, info)
	if err := errors.Join(err, sub.Close()); err != nil {
		return err
	}
	return dir.RemoveDir(name)
}

func removeContents(ctx context.Context, dir *dirfd.Dir, info dirfd.Info) error {
	if info.Mode&0o300 != 0o300 {
		if err := dir.Chmod(0o700); err != nil {
			return err
		}
	}
	for again := true; again; {
		again = false
		for name, err := range dir.Names() {
			if err == nil {
				err = ctx.Err()
			}
			if err == nil {
				err = removeAll(ctx, dir, name)
			}
			if err != nil {
				return err
			}
			again = true
		}
	}
	return nil
}
