package unpack

import (
	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// link decides what is to be done about one symbolic link, and does it.
func (u *unpacker) link(p *place, e manifest.Entry) error {
	d, err := u.decide(p, e, nil)
	if err == nil && d.puts() {
		u.links.Add(1)
		if !u.o.DryRun {
			err = u.makeLink(p, e, d)
		}
	}
	if err != nil {
		return p.fail(e.Name, err)
	}
	return nil
}

// makeLink makes a link under a temporary name first, so that it can replace
// another one.
func (u *unpacker) makeLink(p *place, e manifest.Entry, d decision) (err error) {
	temp := tempName()
	if err := p.dir.Symlink(e.Target, temp); err != nil {
		return err
	}
	if o := e.Attr.Owner; o.Known {
		var info dirfd.Info
		if info, err = p.dir.Lstat(temp); err == nil && !owns(e.Attr, info) {
			_, err = u.owned(p, e.Name, p.dir.Lchown(temp, o.UID, o.GID))
		}
	}
	if err == nil {
		err = p.dir.SetMTime(temp, e.Attr.MTime)
	}
	placed := false
	if err == nil {
		placed, err = u.settle(p, temp, e.Name, d)
	}
	switch {
	case err != nil:
		_ = p.dir.Remove(temp) // the first error counts
	case placed:
		u.progress(1, e.Size)
	default:
		u.links.Add(-1)
	}
	return err
}
