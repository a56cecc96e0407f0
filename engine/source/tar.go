package source

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/artifortress/afs-engine/engine/filter"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/index/scratch"
)

// ErrNotTar says that a stream is not a whole tar archive.
var ErrNotTar = errors.New("not a complete tar archive")

// Limits of a tar entry's path. A system's own limits are far below.
const (
	tarPathMax  = 512 << 10 // bytes
	tarDepthMax = manifest.NestingMax
)

// Types that archive/tar passes on without a name for them.
const (
	gnuDumpDir     = 'D'
	gnuVolumeLabel = 'V'
)

// Tar is a tar stream, in any order and of any size: contents are stored as
// they arrive, and what is known of the entries is sorted on disk.
//
// A later entry replaces an earlier one of the same name, a directory that it
// replaces with all that was in it. Directories that no entry names get mode
// 0755 and o.Epoch. A hard link becomes another name of the entry it names,
// which must have come before it; a file's link count is that of its names in
// the stream. Leading "/" and "./" are cut off; names with "..", and names
// below a file or a link, are problems. Owners are taken by number; extended
// attributes from SCHILY.xattr records, as tar --xattrs writes them. Devices
// and pipes are skipped. Ignore files in the stream are not read.
//
// A stream without the end mark of an archive is ErrNotTar: it was cut off.
func Tar(r io.Reader, o Options) Source { return &tarSource{r, o} }

type tarSource struct {
	r io.Reader
	o Options
}

// Measure cannot know what a stream will bring.
func (s *tarSource) Measure(context.Context, func(files, bytes int64)) {}

func (s *tarSource) Walk(ctx context.Context, v Visitor) (err error) {
	rows, err := s.o.scratch()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	t := &tarReader{v: v, o: s.o, rows: rows}
	if err := t.read(ctx, s.r); err != nil {
		return err
	}
	if !t.linked {
		return newTarWalk(v, s.o, nil).walk(ctx, rows)
	}
	return walkLinked(ctx, v, s.o, rows)
}

// tarReader takes a stream into rows.
type tarReader struct {
	v     Visitor
	o     Options
	rows  *scratch.Map
	seq   uint64      // number of the entry
	above []tarParent // of an entry before: known to be directories

	linked bool // there was a hard link
}

// tarParent is a directory above an entry.
type tarParent struct {
	name  string
	since uint64 // rows below that are older are gone
}

func (t *tarReader) read(ctx context.Context, stream io.Reader) error {
	in, err := newTarStream(contextReader{ctx, stream})
	if err != nil {
		return err
	}
	for {
		h, err := in.next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			t.seq++
			if err = t.entry(h, in); err != nil {
				err = fmt.Errorf("%q: %w", h.Name, err)
			}
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%w: %w", ErrNotTar, err)
		}
		if err != nil {
			return fmt.Errorf("read tar stream: %w", err)
		}
	}
}

// entry takes one entry. What is wrong with it alone is a problem, not an
// error.
func (t *tarReader) entry(h *tar.Header, in *tarStream) error {
	kind, wanted := t.kind(h)
	if !wanted {
		return nil
	}
	path, reason := cleanTarName(h.Name)
	if reason == "" && len(path) == 0 && kind != manifest.Dir {
		reason = "a file without a name"
	}
	if reason != "" {
		t.problem(h.Name, reason)
		return nil
	}
	verdict := t.o.Filter.Match(path, kind == manifest.Dir)
	if verdict == filter.Skip {
		return nil
	}
	if above, err := t.checkAbove(path); err != nil {
		return err
	} else if above != "" {
		t.problem(strings.Join(path, "/"), "is below "+above+", which is not a directory")
		return nil
	}
	row, reason, err := t.row(h, kind, path, in)
	if err != nil {
		return err
	}
	if reason != "" {
		t.problem(strings.Join(path, "/"), reason)
		return nil
	}
	row.maybe = verdict == filter.Below
	return t.put(path, row)
}

// kind is what an entry becomes, if it is wanted at all.
func (t *tarReader) kind(h *tar.Header) (kind manifest.Kind, wanted bool) {
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse, tar.TypeLink:
		return manifest.File, true
	case tar.TypeDir, gnuDumpDir:
		return manifest.Dir, true
	case tar.TypeSymlink:
		return manifest.Symlink, true
	case tar.TypeXGlobalHeader, gnuVolumeLabel:
		return 0, false
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		t.v.Skipped(Report{h.Name, "a device or pipe"})
	default:
		t.problem(h.Name, fmt.Sprintf("an entry of unknown type %q", h.Typeflag))
	}
	return 0, false
}

// row makes the row of an entry, storing its content.
func (t *tarReader) row(h *tar.Header, kind manifest.Kind, path []string, in *tarStream) (row tarRow, reason string, err error) {
	if h.Typeflag == tar.TypeLink {
		return t.hardLink(h.Linkname)
	}
	e := t.o.entry("", kind, uint32(h.Mode&allBits), modTime(h, t.o))
	row = tarRow{kind: kind, exec: e.Exec, attr: e.Attr}
	t.extras(h, strings.Join(path, "/"), &row.attr)
	switch kind {
	case manifest.Symlink:
		if h.Linkname == "" || len(h.Linkname) > manifest.TargetMax || strings.IndexByte(h.Linkname, 0) >= 0 {
			return row, "a link with a bad target", nil
		}
		row.target, row.size = h.Linkname, int64(len(h.Linkname))
	case manifest.File:
		row.content, row.size, err = t.v.Content(strings.Join(path, "/"), in)
	}
	return row, "", err
}

func modTime(h *tar.Header, o Options) time.Time {
	if h.ModTime.IsZero() {
		return o.epoch()
	}
	return h.ModTime
}

// hardLink is the row of the entry that a hard link names. A file is put again
// as one with several names.
func (t *tarReader) hardLink(target string) (row tarRow, reason string, err error) {
	path, reason := cleanTarName(target)
	if reason != "" {
		return row, "a hard link to a bad name: " + reason, nil
	}
	key := tarKey(path)
	row, ok, err := t.get(key)
	switch {
	case err != nil:
	case !ok:
		reason = fmt.Sprintf("a hard link to %s, which has not come before it or was left out", target)
	case row.kind == manifest.Dir:
		reason = fmt.Sprintf("a hard link to %s, which is a directory", target)
	case row.kind == manifest.File && row.group == 0:
		t.linked, row.group = true, row.seq
		err = t.rows.Put([]byte(key), row.encode())
	}
	return row, reason, err
}

// checkAbove returns the first of the path's parents that is not a directory.
// What it has found out about those it shares with the entry before stays.
func (t *tarReader) checkAbove(path []string) (string, error) {
	known := 0
	for known < len(t.above) && known < len(path)-1 && t.above[known].name == path[known] {
		known++
	}
	t.above = t.above[:known]
	key := tarKey(path)
	end := 0
	for i, name := range path[:max(len(path)-1, 0)] {
		end += len(name)
		if i >= known {
			since, isDir, err := t.parent(key[:end])
			if err != nil {
				return "", err
			}
			if !isDir {
				return strings.Join(path[:i+1], "/"), nil
			}
			// Cloned: it is part of all that the entry's header said.
			t.above = append(t.above, tarParent{strings.Clone(name), since})
		}
		end++
	}
	return "", nil
}

// parent looks a directory up below those in t.above.
func (t *tarReader) parent(key string) (since uint64, isDir bool, err error) {
	if n := len(t.above); n > 0 {
		since = t.above[n-1].since
	}
	row, ok, err := t.get(key)
	if err != nil || !ok || row.seq < since {
		return since, true, err
	}
	return max(since, row.since), row.kind == manifest.Dir, nil
}

// put makes row the row of path.
func (t *tarReader) put(path []string, row tarRow) error {
	key := tarKey(path)
	old, ok, err := t.get(key)
	if err != nil {
		return err
	}
	row.seq, row.since = t.seq, 0
	switch {
	case row.kind != manifest.Dir, ok && old.kind != manifest.Dir:
		row.since = t.seq
	case ok:
		row.since = old.since
	}
	return t.rows.Put([]byte(key), row.encode())
}

func (t *tarReader) get(key string) (row tarRow, ok bool, err error) {
	b, ok, err := t.rows.Get([]byte(key))
	if ok && err == nil {
		row, err = decodeTarRow(b)
	}
	return row, ok, err
}

func (t *tarReader) problem(path, reason string) { t.v.Problem(Report{path, reason}) }

// cleanTarName splits a name into its segments, or says what is wrong with it.
func cleanTarName(name string) (path []string, reason string) {
	if len(name) > tarPathMax {
		return nil, "the path is too long"
	}
	if strings.IndexByte(name, 0) >= 0 {
		return nil, "the name has a NUL byte"
	}
	for seg := range strings.SplitSeq(name, "/") {
		switch seg {
		case "", ".":
			continue
		case "..":
			return nil, `the name has a ".." in it`
		}
		if reason := nameProblem(seg); reason != "" {
			return nil, reason
		}
		path = append(path, seg)
	}
	if len(path) > tarDepthMax {
		return nil, "too many directories inside each other"
	}
	return path, ""
}
