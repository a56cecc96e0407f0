package unpack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

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
// any other error stops the run.
//
// Several names of one file become that again; where the system does not let
// them, further names become files of their own. Owners that the version has
// are set if this user may, extended attributes if the file system takes them;
// what is without is reported and counted. Setuid, setgid and sticky bits come
// with the owner and never without.
func Tree(ctx context.Context, src manifest.Source, root manifest.Entry, dest string, o Options) (Result, error) {
	u := newUnpacker(ctx, src, o)
	if wide.TryLock() {
		defer wide.Unlock()
	} else {
		u.limits, u.descriptors = tightLimits, descriptorsTight
	}
	return u.run(ctx, root, dest)
}

// wide is held by the one Tree of the process that may have wideLimits: the others'
// descriptors would add up.
var wide sync.Mutex

func (u *unpacker) run(ctx context.Context, root manifest.Entry, dest string) (Result, error) {
	err := u.tree(root, dest)
	u.dispatch()
	if waitErr := u.group.Wait(); waitErr != nil {
		err = waitErr // the first, of which the planner's is a consequence
	}
	if err == nil {
		err = ctx.Err()
	}
	err = errors.Join(err, u.linker.close())
	if u.anchor != nil {
		if err == nil && !u.o.DryRun {
			err = syncAll(u.anchor)
		}
		err = errors.Join(err, u.anchor.Close())
	}
	if err == nil {
		err = u.conflict()
	}
	if err != nil {
		err = fmt.Errorf("restore to %s: %w", dest, err)
	}
	return u.result(), err
}

// syncAll makes what was written to d's file system durable.
func syncAll(d *dirfd.Dir) error {
	err := d.SyncAll()
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return &DestError{pe}
	}
	return err
}

// tree plans dest, under the directory that holds it.
func (u *unpacker) tree(root manifest.Entry, dest string) (err error) {
	if dest, err = filepath.Abs(dest); err != nil {
		return err
	}
	above, base := filepath.Dir(dest), filepath.Base(dest)
	if !u.o.DryRun {
		if root.Summary.Files >= manyFiles {
			dirfd.Reserve(u.descriptors)
		}
		if err := os.MkdirAll(above, 0o777); err != nil {
			return err
		}
	}
	p := newPlace(u, nil, base, manifest.Entry{}, nil)
	p.opened, p.kept = true, true
	p.dir, err = dirfd.Open(above)
	if u.o.DryRun && errors.Is(err, fs.ErrNotExist) {
		p.dir, err = nil, nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.release()) }()
	if root.Kind == manifest.Dir {
		return u.rootDir(p, root, dest)
	}
	if err := u.setAnchor(p); err != nil {
		return err
	}
	root.Name = base
	return u.leaf(p, root)
}

// rootDir plans the directory dest.
func (u *unpacker) rootDir(above *place, root manifest.Entry, dest string) (err error) {
	scope, err := u.o.Filter.Root(nil)
	if err != nil {
		return err
	}
	p := newPlace(u, above, above.base, root, scope)
	defer func() { err = errors.Join(err, p.release()) }()
	dir, err := dirfd.Open(dest)
	switch {
	case err == nil:
		p.dir, p.opened = dir, true
		err = u.existingRoot(p)
	case errors.Is(err, fs.ErrNotExist):
		err = u.open(p)
	}
	if err == nil {
		err = u.setAnchor(p)
	}
	if err != nil || p.refused {
		return err
	}
	u.linker.top = u.anchor
	return u.contents(p, 1)
}

// setAnchor remembers the file system of p, on which most of the work will be.
func (u *unpacker) setAnchor(p *place) (err error) {
	if p.dir == nil {
		return nil
	}
	info, err := p.dir.Stat()
	if err != nil {
		return err
	}
	u.dev = info.Dev
	u.anchor, err = p.dir.OpenDir(".")
	return err
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
		p.refused = true
		return nil
	}
	p.kept = !empty && !u.o.Resume && !u.o.Delete
	return u.prune(p)
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
	scope, err := above.scope.Enter(e.Name, nil)
	if err != nil {
		return err
	}
	p := newPlace(u, above, e.Name, e, scope)
	defer func() { err = errors.Join(err, p.release()) }()
	if verdict == filter.Take {
		if err := u.open(p); err != nil || p.refused {
			return err
		}
	}
	return u.contents(p, depth+1)
}

// leaf plans a file or a link: links at once, files with their window, and
// further names of a file after it.
func (u *unpacker) leaf(p *place, e manifest.Entry) error {
	if e.Kind == manifest.Symlink {
		return u.link(p, e)
	}
	written := func() {}
	if key, shared := e.LinkKey(); shared && p.above != nil {
		done, err := u.linker.claim(key, false)
		if err != nil {
			return err
		}
		if done == nil {
			w := u.room(p, e)
			p.refs.Add(1)
			w.names = append(w.names, furtherName{p, e, key})
			return nil
		}
		written = done
	}
	w := u.room(p, e)
	w.files = append(w.files, u.newFile(p, e, written))
	return nil
}
