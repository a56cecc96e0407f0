package unpack

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/artifortress/afs-engine/engine/filter"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// Tar writes root as a tar archive in the pax format: times to the nanosecond,
// names of any length and bytes, no owners. A directory's contents come
// without a common prefix, after an entry "./" for its own mode and time, and
// directories before what is in them; a file or link is one entry. Equal
// versions give equal bytes. Of the Options only Filter and Progress count.
func Tar(ctx context.Context, src manifest.Source, root manifest.Entry, w io.Writer, o Options) (Result, error) {
	t := &tarWriter{ctx: ctx, src: src, o: o, w: tar.NewWriter(w)}
	err := t.root(root)
	if err == nil {
		err = t.w.Close()
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

func (t *tarWriter) header(path string, flag byte, e manifest.Entry) error {
	h := &tar.Header{
		Format: tar.FormatPAX, Typeflag: flag, Name: path, Linkname: e.Target,
		Mode: int64(e.Attr.Mode & permissions), ModTime: e.Attr.MTime,
	}
	if flag == tar.TypeReg {
		h.Size = e.Size
	}
	if err := t.w.WriteHeader(h); err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	return nil
}

func (t *tarWriter) progress() {
	if t.o.Progress != nil {
		t.o.Progress(t.res.Files+t.res.Links, t.res.Bytes)
	}
}
