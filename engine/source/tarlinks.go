package source

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"

	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/index/scratch"
)

// tarLinks are the files of an archive that have several names. Which names
// are left, and which of them comes first, is known only once the rows have
// been walked, so they are walked twice.
type tarLinks struct {
	groups *scratch.Map // row's group → encoded manifest.Links
	named  bool         // the first walk is over
}

// walkLinked shows the rows of an archive with hard links.
func walkLinked(ctx context.Context, v Visitor, o Options, rows *scratch.Map) (err error) {
	groups, err := o.scratch()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, groups.Close()) }()
	l := &tarLinks{groups: groups}
	if err := newTarWalk(nobody{}, o, l).walk(ctx, rows); err != nil {
		return err
	}
	l.named = true
	return newTarWalk(v, o, l).walk(ctx, rows)
}

// meet counts a name of a group in the first walk, and fills in what came of
// it in the second.
func (l *tarLinks) meet(path []string, row tarRow, e *manifest.Entry) error {
	if row.group == 0 {
		return nil
	}
	var links manifest.Links
	key := binary.BigEndian.AppendUint64(nil, row.group)
	b, ok, err := l.groups.Get(key)
	if err != nil {
		return err
	}
	if ok {
		links.Count = binary.BigEndian.Uint32(b)
		copy(links.Group[:], b[4:])
	}
	if l.named {
		if links.Count > 1 { // else the other names are gone
			e.Attr.Links = links
		}
		return nil
	}
	if !ok {
		links.Group = manifest.LinkGroup(strings.Join(path, "/"))
	}
	return l.groups.Put(key, append(binary.BigEndian.AppendUint32(nil, links.Count+1), links.Group[:]...))
}

// nobody is a Visitor that looks away.
type nobody struct{}

func (nobody) Enter(manifest.Entry) error                      { return nil }
func (nobody) Leave() error                                    { return nil }
func (nobody) Symlink(manifest.Entry) error                    { return nil }
func (nobody) File(_ manifest.Entry, _ Identity, b Body) error { b.Release(); return nil }
func (nobody) Stored(manifest.Entry) error                     { return nil }
func (nobody) Problem(Report)                                  {}
func (nobody) Skipped(Report)                                  {}
func (nobody) Content(string, io.Reader) (c manifest.Content, n int64, err error) {
	return c, n, nil
}
