package unpack

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/artifortress/afs-engine/engine/filter"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/index/scratch"
)

// Tar writes root as a tar archive in the pax format: times to the nanosecond,
// names of any length and bytes; owners by number, 0 if the version has none;
// extended attributes as SCHILY.xattr records, which tar --xattrs reads;
// further names of a file as hard links to the first. A directory's contents
// come without a common prefix, after an entry "./" for its own mode and time,
// and directories before what is in them; a file or link is one entry. Equal
// versions give equal bytes. Of the Options only Filter, Report (for extended
// attributes that tar cannot name) and Progress count.
func Tar(ctx context.Context, src manifest.Source, root manifest.Entry, w io.Writer, o Options) (Result, error) {
	t := &tarWriter{ctx: ctx, src: src, o: o, w: tar.NewWriter(w)}
	err := t.root(root)
	if err == nil {
		err = t.w.Close()
	}
	if t.first != nil {
		err = errors.Join(err, t.first.Close())
	}
	if err != nil {
		err = fmt.Errorf("write tar stream: %w", err)
	}
	return t.res, err
}

type tarWriter struct {
	ctx context.Context
	src manifest.Source
	o   Options
	w   *tar.Writer
	res Result

	first *scratch.Map // link key → path of the entry; nil until there is one
}

// tarDir is a directory on the way to where the writer is.
type tarDir struct {
	above   *tarDir
	entry   manifest.Entry
	path    string // with a slash at its end
	scope   *filter.Scope
	written bool
}

func (t *tarWriter) root(e manifest.Entry) error {
	if e.Kind != manifest.Dir {
		if e.Name == "" {
			return errors.New("a file without a name")
		}
		return t.leaf(e.Name, e)
	}
	scope, err := t.o.Filter.Root(nil)
	if err != nil {
		return err
	}
	d := &tarDir{entry: e, path: "./", scope: scope}
	if err := t.dir(d); err != nil {
		return err
	}
	d.path = ""
	return t.contents(d, 1)
}

func (t *tarWriter) contents(d *tarDir, depth int) error {
	if depth > manifest.NestingMax {
		return fmt.Errorf("%q: %w", d.path, manifest.ErrNesting)
	}
	dir, err := manifest.OpenDir(t.src, d.entry)
	if err != nil {
		return err
	}
	for e, err := range dir.List(t.ctx, "") {
		if err == nil {
			err = t.ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("%q: %w", d.path, err)
		}
		verdict := d.scope.Match(e.Name, e.Kind == manifest.Dir)
		switch {
		case verdict == filter.Skip:
		case e.Kind == manifest.Dir:
			err = t.subdir(d, e, verdict, depth)
		default:
			if err = t.dir(d); err == nil {
				err = t.leaf(d.path+e.Name, e)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tarWriter) subdir(above *tarDir, e manifest.Entry, verdict filter.Verdict, depth int) error {
	scope, err := above.scope.Enter(e.Name, nil)
	if err != nil {
		return err
	}
	d := &tarDir{above: above, entry: e, path: above.path + e.Name + "/", scope: scope}
	if verdict == filter.Take {
		if err := t.dir(d); err != nil {
			return err
		}
	}
	return t.contents(d, depth+1)
}

// dir writes the entry of a directory, and of those above it, once.
func (t *tarWriter) dir(d *tarDir) error {
	if d.written {
		return nil
	}
	if d.above != nil {
		if err := t.dir(d.above); err != nil {
			return err
		}
		t.res.Dirs++
	}
	d.written = true
	return t.header(d.path, tar.TypeDir, d.entry)
}

func (t *tarWriter) leaf(path string, e manifest.Entry) error {
	if e.Kind == manifest.Symlink {
		t.res.Links++
		t.progress()
		return t.header(path, tar.TypeSymlink, e)
	}
	first, err := t.firstName(path, e)
	if err != nil {
		return err
	}
	if first != "" {
		e.Target = first
		t.res.Linked++
		t.progress()
		return t.header(path, tar.TypeLink, e)
	}
	if err := t.header(path, tar.TypeReg, e); err != nil {
		return err
	}
	f, err := manifest.OpenFile(t.ctx, t.src, e)
	if err == nil {
		_, err = f.WriteTo(t.w)
	}
	if err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	t.res.Files++
	t.res.Bytes += e.Size
	t.progress()
	return nil
}

// firstName is the path under which the file e has been written, or "" if
// this is the first of its names.
func (t *tarWriter) firstName(path string, e manifest.Entry) (first string, err error) {
	key, shared := e.LinkKey()
	if !shared {
		return "", nil
	}
	if t.first == nil {
		if t.first, err = scratch.Open(""); err != nil {
			return "", err
		}
	}
	b, ok, err := t.first.Get(key[:])
	if ok || err != nil {
		return string(b), err
	}
	return "", t.first.Put(key[:], []byte(path))
}

func (t *tarWriter) header(path string, flag byte, e manifest.Entry) error {
	h := &tar.Header{
		Format: tar.FormatPAX, Typeflag: flag, Name: path, Linkname: e.Target,
		Mode: int64(modeOf(e.Attr, e.Attr.Owner.Known)), ModTime: e.Attr.MTime,
		Uid: int(e.Attr.Owner.UID), Gid: int(e.Attr.Owner.GID),
	}
	if flag == tar.TypeReg {
		h.Size = e.Size
	}
	if flag != tar.TypeLink {
		h.PAXRecords = t.xattrs(path, e.Attr.Xattrs)
	}
	if err := t.w.WriteHeader(h); err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	return nil
}

// xattrs are the records of extended attributes. A record cannot have a '=' in
// its key.
func (t *tarWriter) xattrs(path string, xs []manifest.Xattr) map[string]string {
	if len(xs) == 0 {
		return nil
	}
	records := map[string]string{}
	for _, x := range xs {
		if !strings.Contains(x.Name, "=") {
			records["SCHILY.xattr."+x.Name] = x.Value
		}
	}
	if len(records) < len(xs) {
		t.res.NoXattrs++
		if t.o.Report != nil {
			t.o.Report(ActionNoXattrs, path)
		}
	}
	return records
}

func (t *tarWriter) progress() {
	if t.o.Progress != nil {
		t.o.Progress(t.res.Files+t.res.Links+t.res.Linked, t.res.Bytes)
	}
}
