package source

import (
	"bytes"
	"context"
	"strings"

	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/index/scratch"
)

// tarWalk shows sorted rows to a Visitor.
type tarWalk struct {
	v     Visitor
	o     Options
	links *tarLinks   // nil if there are no hard links
	way   []tarFolder // from the root down
}

// tarFolder is a directory on the way.
type tarFolder struct {
	entry   manifest.Entry
	since   uint64 // rows below that are older are gone
	entered bool
}

func newTarWalk(v Visitor, o Options, links *tarLinks) *tarWalk {
	return &tarWalk{v: v, o: o, links: links}
}

func (t *tarWalk) walk(ctx context.Context, rows *scratch.Map) error {
	if err := t.root(rows); err != nil {
		return err
	}
	var gone []byte // prefix of the keys below something that is no directory
	for item, err := range rows.All(nil) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if len(item.Key) == 0 || gone != nil && bytes.HasPrefix(item.Key, gone) {
			continue
		}
		row, err := decodeTarRow(item.Value)
		if err != nil {
			return err
		}
		live, err := t.row(strings.Split(string(item.Key), "\x00"), row)
		if err != nil {
			return err
		}
		if live && row.kind != manifest.Dir {
			gone = append(append(gone[:0], item.Key...), 0)
		}
	}
	return t.leaveTo(0)
}

func (t *tarWalk) root(rows *scratch.Map) error {
	e := t.implied("")
	b, ok, err := rows.Get(nil)
	if err != nil {
		return err
	}
	if ok {
		row, err := decodeTarRow(b)
		if err != nil {
			return err
		}
		e = row.entry("")
	}
	t.way = append(t.way, tarFolder{entry: e})
	return t.enter()
}

func (t *tarWalk) implied(name string) manifest.Entry {
	return t.o.entry(name, manifest.Dir, dirMode, t.o.epoch())
}

// row shows one row, unless a later entry has swept it away: it leaves the
// directories that the row is not in, goes to those that it is in, and puts it
// there.
func (t *tarWalk) row(path []string, row tarRow) (live bool, err error) {
	last := len(path) - 1
	common := 0
	for common < last && common+1 < len(t.way) && t.way[common+1].entry.Name == path[common] {
		common++
	}
	if err := t.leaveTo(common + 1); err != nil {
		return false, err
	}
	since := t.way[common].since
	if row.seq < since {
		return false, nil
	}
	for _, name := range path[common:last] {
		t.way = append(t.way, tarFolder{entry: t.implied(strings.Clone(name)), since: since})
	}
	e := row.entry(strings.Clone(path[last])) // whoever keeps it must not keep the whole path
	if row.kind == manifest.Dir {
		t.way = append(t.way, tarFolder{entry: e, since: max(since, row.since)})
		if row.maybe {
			return true, nil
		}
		return true, t.enter()
	}
	if err := t.enter(); err != nil {
		return false, err
	}
	if row.kind == manifest.Symlink {
		return true, t.v.Symlink(e)
	}
	if t.links != nil {
		if err := t.links.meet(path, row, &e); err != nil {
			return false, err
		}
	}
	return true, t.v.Stored(e)
}

// enter tells the visitor of all directories on the way.
func (t *tarWalk) enter() error {
	for i := range t.way {
		f := &t.way[i]
		if f.entered {
			continue
		}
		f.entered = true
		if err := t.v.Enter(f.entry); err != nil {
			return err
		}
		f.entry.Attr = manifest.Attr{} // only its name is needed from here on
	}
	return nil
}

// leaveTo cuts the way to n directories.
func (t *tarWalk) leaveTo(n int) error {
	for len(t.way) > n {
		f := t.way[len(t.way)-1]
		t.way[len(t.way)-1] = tarFolder{}
		t.way = t.way[:len(t.way)-1]
		if f.entered {
			if err := t.v.Leave(); err != nil {
				return err
			}
		}
	}
	return nil
}
