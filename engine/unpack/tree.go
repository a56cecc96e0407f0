package unpack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/filter"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// Tree makes dest what root is: for a directory, root's contents become dest's,
// and dest gets root's mode and time (unless it is a directory that was there
// and only has the version merged into it); for a file or a link, dest becomes
// it. Directories above dest are made. dest itself may be reached through
// links; below it none is followed. When Tree returns nil, all is durable.
//
// If something is in the way, the rest is written and the error is ErrExists;
// any other error stops the run. Of modes only the permission bits are set.
func Tree(ctx context.Context, src manifest.Source, root manifest.Entry, dest string, o Options) (Result, error) {
	u := newUnpacker(ctx, src, o)
	err := u.tree(root, filepath.Clean(dest))
	if waitErr := u.group.Wait(); waitErr != nil {
		err = waitErr // the first, of which the planner's is a consequence
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = u.conflict()
	}
	if err == nil && !o.DryRun {
		err = u.sync(dest)
	}
	if err != nil {
		err = fmt.Errorf("restore to %s: %w", dest, err)
	}
	return u.result(), err
}

// tree plans dest, under the directory that holds it.
func (u *unpacker) tree(root manifest.Entry, dest string) error {
	above, base := filepath.Dir(dest), filepath.Base(dest)
	if !u.o.DryRun {
		if err := os.MkdirAll(above, 0o777); err != nil {
			return err
		}
	}
	p := &place{u: u, opened: true, kept: true}
	var err error
	p.dir, err = dirfd.Open(above)
	if u.o.DryRun && errors.Is(err, fs.ErrNotExist) {
		p.dir, err = nil, nil
	}
	if err != nil {
		return err
	}
	p.refs.Store(1)
	if root.Kind == manifest.Dir {
		err = u.rootDir(p, root, dest, base)
	} else {
		root.Name = base
		err = u.leaf(p, root)
	}
	return errors.Join(err, p.release())
}

// rootDir plans the directory dest.
func (u *unpacker) rootDir(above *place, root manifest.Entry, dest, base string) error {
	p := &place{u: u, above: above, base: base, entry: root}
	p.refs.Store(1)
	dir, err := dirfd.Open(dest)
	switch {
	case err == nil:
		p.dir, p.opened = dir, true
		if err := u.existingRoot(p); err != nil {
			return errors.Join(err, p.release())
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	default:
		if err := u.open(p); err != nil {
			return errors.Join(err, p.release())
		}
	}
	if !p.refused {
		p.scope, err = u.o.Filter.Root(nil)
		if err == nil {
			err = u.contents(p, 1)
		}
	}
	return errors.Join(err, p.release())
}

// existingRoot checks a destination that is there.
func (u *unpacker) existingRoot(p *place) error {
	empty := true
	for _, err := range p.dir.Names() {
		if err != nil {
			return err
		}
		empty = false
		break
	}
	if !empty && u.o.Overwrite == Never && !u.o.Resume {
		u.report(ActionConflict, ".")
		p.refused, p.kept = true, true
		return nil
	}
	p.kept = !empty && !u.o.Resume && !u.o.Delete
	return nil
}

// contents plans what the directory of p holds.
func (u *unpacker) contents(p *place, depth int) error {
	if depth > manifest.NestingMax {
		return fmt.Errorf("%q: %w", p.path(""), manifest.ErrNesting)
	}
	dir, err := manifest.OpenDir(u.src, p.entry)
	if err != nil {
		return err
	}
	if p.opened {
		if err := u.prune(p); err != nil {
			return err
		}
	}
	for e, err := range dir.List(u.ctx, "") {
		if err == nil {
			err = u.ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("%q: %w", p.path(""), err)
		}
		verdict := p.scope.Match(e.Name, e.Kind == manifest.Dir)
		switch {
		case verdict == filter.Skip:
		case e.Kind == manifest.Dir:
			err = u.subdir(p, e, verdict, depth)
		default:
			if err = u.open(p); err == nil && !p.refused {
				err = u.leaf(p, e)
			}
		}
		if err != nil {
			return err
		}
		if p.refused {
			return nil
		}
	}
	return nil
}

// subdir plans a directory in p. If the filter wants it only for what is in
// it, it is opened when something is.
func (u *unpacker) subdir(above *place, e manifest.Entry, verdict filter.Verdict, depth int) (err error) {
	p := &place{u: u, above: above, base: e.Name, entry: e}
	p.refs.Store(1)
	defer func() { err = errors.Join(err, p.release()) }()
	if p.scope, err = above.scope.Enter(e.Name, nil); err != nil {
		return err
	}
	if verdict == filter.Take {
		if err := u.open(p); err != nil || p.refused {
			return err
		}
	}
	return u.contents(p, depth+1)
}

// leaf plans a file or a link: links at once, files in the background.
func (u *unpacker) leaf(p *place, e manifest.Entry) error {
	if e.Kind == manifest.Symlink {
		return u.link(p, e)
	}
	p.refs.Add(1)
	u.group.Go(func() error {
		return errors.Join(u.file(p, e), p.release())
	})
	return nil
}
