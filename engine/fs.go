package engine

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/artifortress/afs-engine/engine/manifest"
)

// FS is the version as a file system: an fs.ReadDirFS, fs.StatFS, fs.ReadFileFS
// and fs.ReadLinkFS whose files are also io.ReaderAt and io.Seeker. Symlinks
// are followed as long as they stay inside the version. Safe for concurrent
// use; reads last no longer than ctx.
//
// io/fs admits valid UTF-8 names only; names that are not can still be read
// here, but not every caller in the standard library will ask for them.
func (v *Version) FS(ctx context.Context) fs.FS { return &versionFS{ctx, v} }

type versionFS struct {
	ctx context.Context
	v   *Version
}

var (
	_ fs.ReadDirFS  = (*versionFS)(nil)
	_ fs.StatFS     = (*versionFS)(nil)
	_ fs.ReadFileFS = (*versionFS)(nil)
	_ fs.ReadLinkFS = (*versionFS)(nil)
)

// linksMax is how many symlinks a path may lead through.
const linksMax = 40

var errLinks = errors.New("too many symbolic links")

// resolve finds name; with follow, also what it points at if it is a symlink.
func (f *versionFS) resolve(op, name string, follow bool) (manifest.Entry, error) {
	e, err := f.walk(name, follow)
	if err != nil {
		return e, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return e, nil
}

func (f *versionFS) walk(name string, follow bool) (manifest.Entry, error) {
	if !validPath(name) {
		return manifest.Entry{}, fs.ErrInvalid
	}
	rest := strings.Split(name, "/")
	if name == "." {
		rest = nil
	}
	dirs := []manifest.Entry{f.v.root} // from the root down to where we are
	for links := 0; len(rest) > 0; {
		seg := rest[0]
		rest = rest[1:]
		switch seg {
		case "", ".":
			continue
		case "..":
			if len(dirs) == 1 {
				return manifest.Entry{}, fs.ErrNotExist // it leads out of the version
			}
			dirs = dirs[:len(dirs)-1]
			continue
		}
		d, err := manifest.OpenDir(f.v.src, dirs[len(dirs)-1])
		if err != nil {
			return manifest.Entry{}, fs.ErrNotExist
		}
		e, err := d.Lookup(f.ctx, seg)
		if err != nil {
			return manifest.Entry{}, err
		}
		if e.Kind == manifest.Symlink && (follow || len(rest) > 0) {
			if links++; links > linksMax {
				return manifest.Entry{}, errLinks
			}
			if path.IsAbs(e.Target) {
				return manifest.Entry{}, fs.ErrNotExist
			}
			rest = append(strings.Split(e.Target, "/"), rest...)
			continue
		}
		dirs = append(dirs, e)
	}
	return dirs[len(dirs)-1], nil
}

// validPath is fs.ValidPath without the demand for UTF-8.
func validPath(name string) bool {
	return fs.ValidPath(strings.ToValidUTF8(name, "\uFFFD"))
}

func (f *versionFS) Open(name string) (fs.File, error) {
	e, err := f.resolve("open", name, true)
	if err != nil {
		return nil, err
	}
	info := fileInfo{path.Base(name), e}
	if e.Kind == manifest.Dir {
		return &openDir{fs: f, info: info}, nil
	}
	r, err := manifest.OpenFile(f.ctx, f.v.src, e)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &openFile{r, info}, nil
}

func (f *versionFS) Stat(name string) (fs.FileInfo, error) {
	e, err := f.resolve("stat", name, true)
	if err != nil {
		return nil, err
	}
	return fileInfo{path.Base(name), e}, nil
}

func (f *versionFS) Lstat(name string) (fs.FileInfo, error) {
	e, err := f.resolve("lstat", name, false)
	if err != nil {
		return nil, err
	}
	return fileInfo{path.Base(name), e}, nil
}

func (f *versionFS) ReadLink(name string) (string, error) {
	e, err := f.resolve("readlink", name, false)
	if err != nil {
		return "", err
	}
	if e.Kind != manifest.Symlink {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	return e.Target, nil
}

func (f *versionFS) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := f.resolve("readdir", name, true)
	if err != nil {
		return nil, err
	}
	d := &openDir{fs: f, info: fileInfo{path.Base(name), e}}
	if e.Kind != manifest.Dir {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: manifest.ErrNotDir}
	}
	return d.ReadDir(-1)
}

func (f *versionFS) ReadFile(name string) ([]byte, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	r, ok := file.(*openFile)
	if !ok {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
	}
	b := make([]byte, r.Size())
	if _, err := io.ReadFull(r.Reader, b); err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return b, nil
}

// openFile is an open regular file (or a symlink nobody could follow).
type openFile struct {
	*manifest.Reader
	info fileInfo
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

// openDir is an open directory; it remembers the last name it gave out.
type openDir struct {
	fs   *versionFS
	info fileInfo
	last string
	done bool
}

var _ fs.ReadDirFile = (*openDir)(nil)

func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *openDir) Close() error               { return nil }
func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.name, Err: errors.New("is a directory")}
}

// ReadDir implements fs.ReadDirFile.
func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	dir, err := manifest.OpenDir(d.fs.v.src, d.info.e)
	if err != nil {
		return nil, err
	}
	all := []fs.DirEntry{}
	if !d.done {
		d.done = true // unless the loop ends early
		for e, err := range dir.List(d.fs.ctx, d.last) {
			if err != nil {
				return all, &fs.PathError{Op: "readdir", Path: d.info.name, Err: err}
			}
			if n > 0 && len(all) == n {
				d.done = false
				break
			}
			all = append(all, fs.FileInfoToDirEntry(fileInfo{e.Name, e}))
			d.last = e.Name
		}
	}
	if n > 0 && len(all) == 0 {
		return nil, io.EOF
	}
	return all, nil
}

// fileInfo is an entry as an fs.FileInfo. Sys returns the manifest.Entry.
type fileInfo struct {
	name string
	e    manifest.Entry
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.e.Size }
func (i fileInfo) ModTime() time.Time { return i.e.Attr.MTime }
func (i fileInfo) IsDir() bool        { return i.e.Kind == manifest.Dir }
func (i fileInfo) Sys() any           { return i.e }

func (i fileInfo) Mode() fs.FileMode {
	m := fs.FileMode(i.e.Attr.Mode & 0o777)
	switch i.e.Kind {
	case manifest.Dir:
		m |= fs.ModeDir
	case manifest.Symlink:
		m |= fs.ModeSymlink
	}
	return m
}
