package source

import (
	"context"
	"errors"
	"hash/maphash"
	"io"
	"io/fs"

	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/filter"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/index/scratch"
)

// limits bound what a walk holds.
type limits struct {
	names int // sorted in memory, in all directories on the way together
	open  int // directories open at once
}

var defaultLimits = limits{names: 64 << 10, open: 256}

// walker walks directories for one Visitor.
type walker struct {
	ctx    context.Context
	v      Visitor
	o      Options
	limits limits
	seed   maphash.Seed
	way    []*folder // from the root to where the walk stands

	held    int          // names in memory
	sorting *scratch.Map // for directories that did not fit; nil if there is none
	spilled int          // directories on the way that use it
	serial  uint64       // of the last of them

	links linkGroups
}

func newWalker(ctx context.Context, v Visitor, o Options, l limits) *walker {
	return &walker{ctx: ctx, v: v, o: o, limits: l, seed: maphash.MakeSeed()}
}

// close releases what a walk that ended early left open.
func (w *walker) close() {
	for _, f := range w.way {
		f.close()
	}
	if w.sorting != nil {
		w.sorting.Close()
	}
	w.links.close()
}

// walk shows the open directory f, and closes it. The caller has made sure that
// the filter does not skip it; take says whether it is kept even if empty.
func (w *walker) walk(f *folder, take bool) error {
	w.push(f)
	defer w.pop(f)
	if take {
		if err := w.enter(f); err != nil {
			return err
		}
	}
	names, release, err := w.names(f)
	if err != nil {
		return err
	}
	defer release()
	for name, err := range names {
		if err != nil {
			return err
		}
		if err := w.visit(f, name, name); err != nil {
			return err
		}
		if f.dir == nil {
			w.problem(f, "", "was moved while it was read")
			break
		}
	}
	w.checkNames(f)
	if f.entered {
		return w.v.Leave()
	}
	return nil
}

// visit shows what f has under the name base, calling it name.
func (w *walker) visit(f *folder, base, name string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	info, err := f.dir.Lstat(base)
	if err != nil {
		if !f.excludes(name) {
			w.problem(f, name, Reason(err))
		}
		return nil
	}
	verdict := f.scope.Match(name, info.Type == dirfd.Directory)
	if verdict == filter.Skip {
		return nil
	}
	if reason := nameProblem(name); reason != "" {
		w.problem(f, name, reason)
		return nil
	}
	e := w.entry(name, kindOf(info.Type), info)
	switch info.Type {
	case dirfd.Directory:
		return w.descend(f, base, e, info, verdict)
	case dirfd.Link:
		return w.link(f, base, e)
	case dirfd.Regular:
		if err := w.enter(f); err != nil {
			return err
		}
		return w.file(f, base, e, info)
	}
	w.v.Skipped(Report{f.path(name), "a device, pipe or socket"})
	return nil
}

// entry is what lstat says of a name, as an entry.
func (w *walker) entry(name string, kind manifest.Kind, info dirfd.Info) manifest.Entry {
	e := w.o.entry(name, kind, info.Mode, info.MTime)
	if w.o.KeepOwner {
		e.Attr.Owner = manifest.Owner{Known: true, UID: info.UID, GID: info.GID}
	}
	return e
}

func (w *walker) file(f *folder, base string, e manifest.Entry, info dirfd.Info) (err error) {
	e.Size = info.Size
	e.Attr.Links, err = w.links.of(info, func() string { return f.path(e.Name) }, w.o)
	if err != nil {
		return err
	}
	if !w.fileXattrs(f, base, &e, info) {
		return nil
	}
	return w.v.File(e, f.identity(base, info), &fileBody{f.dir.hold(), base, info})
}

func (w *walker) link(f *folder, base string, e manifest.Entry) (err error) {
	e.Target, err = f.dir.Readlink(base, manifest.TargetMax)
	if err == nil && len(e.Target) > manifest.TargetMax {
		err = errors.New("the link's target is too long")
	}
	if err != nil {
		w.problem(f, e.Name, Reason(err))
		return nil
	}
	if err := w.enter(f); err != nil {
		return err
	}
	e.Size = int64(len(e.Target))
	return w.v.Symlink(e)
}

// descend walks the directory of f called base.
func (w *walker) descend(f *folder, base string, e manifest.Entry, info dirfd.Info, verdict filter.Verdict) error {
	if len(w.way) >= manifest.NestingMax {
		w.problem(f, e.Name, "too many directories inside each other")
		return nil
	}
	child := &folder{above: f, at: below(f.at, base), entry: e, info: info}
	var err error
	var dir *dirfd.Dir
	if dir, err = f.dir.OpenDir(base); err == nil {
		child.dir = newHandle(dir)
		err = child.identify()
	}
	if err != nil {
		child.close()
		w.problem(f, e.Name, Reason(swapped(err)))
		if verdict == filter.Take && errors.Is(err, fs.ErrPermission) {
			if err := w.enter(child); err != nil {
				return err
			}
			return w.v.Leave()
		}
		return nil
	}
	if w.o.KeepXattrs {
		child.entry.Attr.Xattrs = w.xattrs(child, "", child.dir)
	}
	child.scope, err = f.scope.Enter(e.Name, w.ignoreFile(child))
	if err != nil {
		w.problem(child, "", err.Error())
	}
	return w.walk(child, verdict == filter.Take)
}

// enter tells the visitor of f, and of those above that it does not know yet.
func (w *walker) enter(f *folder) error {
	if f.entered {
		return nil
	}
	if f.above != nil {
		if err := w.enter(f.above); err != nil {
			return err
		}
	}
	f.entered = true
	e := f.entry
	f.entry.Attr.Xattrs = nil // thousands of directories inside each other may have large ones
	return w.v.Enter(e)
}

// problem reports what is wrong with a name of f, or "" for f itself.
func (w *walker) problem(f *folder, name, reason string) {
	w.v.Problem(Report{f.path(name), reason})
}

// ignoreFile opens ignore files for the filter.
func (w *walker) ignoreFile(f *folder) filter.OpenFunc {
	return func(name string) (io.ReadCloser, error) {
		info, err := f.dir.Lstat(name)
		if err != nil {
			return nil, err
		}
		if info.Type != dirfd.Regular {
			return nil, fs.ErrNotExist
		}
		return openFile(f.dir.Dir, name, info)
	}
}
