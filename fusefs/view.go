package fusefs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
)

// view is what all inodes of a mount share. Its context lives as long as the
// mount: a request's own context ends with every signal to the reader.
type view struct {
	ctx      context.Context
	reg      Registry
	opts     Options
	uid, gid uint32 // owner of what has none of its own: who mounted it
	limit    logLimit
	live     *live
}

func newView(ctx context.Context, r Registry, o Options) *view {
	return &view{
		ctx: ctx, reg: r, opts: o,
		uid: uint32(os.Geteuid()), gid: uint32(os.Getegid()),
		limit: logLimit{now: o.Now},
		live:  newLive(o.InodesMax),
	}
}

// root makes the node at the top of the mount.
func (v *view) root() (fs.InodeEmbedder, error) {
	if v.opts.Ref == nil {
		return &groupNode{view: v}, nil
	}
	ref := *v.opts.Ref
	named, err := v.resolve(ref.WithVersion(ref.Version))
	if err != nil {
		return nil, err
	}
	top, err := v.open(named.String(), named)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", named, err)
	}
	if ref.Path == "" {
		return &dirNode{node: node{item: top}}, nil
	}
	if top.entry, err = manifest.Resolve(v.ctx, top.src, top.entry, ref.Path); err != nil {
		return nil, fmt.Errorf("open %s: %w", ref, err)
	}
	if top.entry.Kind != manifest.Dir {
		return nil, fmt.Errorf("open %s: %w", ref, syscall.ENOTDIR)
	}
	for name := range strings.SplitSeq(ref.Path, "/") {
		top.key = top.key.child(name)
	}
	return &dirNode{node: node{item: top}}, nil
}

// resolve turns a tag into the version that it points at now.
func (v *view) resolve(ref registry.Ref) (registry.Ref, error) {
	if _, ok := ref.PinnedRoot(); ok {
		return ref, nil
	}
	n, err := v.reg.Name(v.ctx, ref.String())
	if err != nil {
		return ref, fmt.Errorf("find %s: %w", ref, err)
	}
	if !visible(n) || n.Kind == registry.Group {
		return ref, fmt.Errorf("find %s: %w", ref, registry.ErrNotFound)
	}
	return n.Version.Ref, nil
}

// open reads the root of the version ref, which is shown at a path of the
// registry.
func (v *view) open(path string, ref registry.Ref) (item, error) {
	e, src, err := v.reg.Tree(v.ctx, ref)
	if err != nil {
		return item{}, err
	}
	top := registryKey(path)
	return item{
		version: &version{view: v, name: ref.String(), key: top, src: guarded{src}},
		entry:   e,
		key:     top,
	}, nil
}

// visible keeps out what is not published, whatever a registry lists.
func visible(n registry.Name) bool {
	switch n.Kind {
	case registry.Group:
		return true
	case registry.VersionName, registry.TagName:
		return n.Version != nil && n.Version.State == registry.Published
	}
	return false
}

// absent reports whether err says that a name of the registry is not there.
// A name that cannot exist is one that does not.
func absent(err error) bool {
	return errors.Is(err, registry.ErrNotFound) || errors.Is(err, registry.ErrBadRef)
}

// registryFailed is the answer to a failed question to the registry.
func (v *view) registryFailed(path string, err error) syscall.Errno {
	if absent(err) {
		return syscall.ENOENT
	}
	v.complain("the registry cannot be read", path, err)
	if errno := v.opts.Errno(err); errno != 0 && errno != syscall.ENOENT {
		return errno
	}
	return syscall.EIO
}

// contentFailed is the answer when a part of a version cannot be read.
func (v *view) contentFailed(path string, err error) syscall.Errno {
	v.complain("a published file cannot be read", path, err)
	return syscall.EIO
}

func (v *view) complain(what, path string, err error) {
	if suppressed, ok := v.limit.allow(); ok {
		v.opts.Logger.LogAttrs(v.ctx, slog.LevelError, what,
			slog.String("path", path), slog.Any("error", err), slog.Int("suppressed", suppressed))
	}
}

// statfs describes the store. It is always full: nothing can be added here.
func (v *view) statfs(out *fuse.StatfsOut) syscall.Errno {
	out.Bsize, out.Frsize, out.NameLen = blockSize, blockSize, manifest.NameMax
	if v.opts.Stat == nil {
		return 0
	}
	used, files, err := v.opts.Stat(v.ctx)
	if err != nil {
		return v.registryFailed("", err)
	}
	out.Blocks = uint64(used+blockSize-1) / blockSize
	out.Files = uint64(files)
	return 0
}

// guarded marks the failures of a source, so that a lost object is never
// taken for an absent name.
type guarded struct{ src manifest.Source }

func (g guarded) Chunk(ctx context.Context, kind chunker.Kind, id chunker.ID) ([]byte, error) {
	b, err := g.src.Chunk(ctx, kind, id)
	if err != nil {
		return nil, &sourceError{err}
	}
	return b, nil
}

// Announce implements manifest.Announcer.
func (g guarded) Announce(ctx context.Context, ids []chunker.ID) { manifest.Announce(ctx, g.src, ids) }

type sourceError struct{ error }

func (e *sourceError) Unwrap() error { return e.error }

// A failing store fails every read, and readers retry.
const (
	logLines  = 10
	logWindow = 10 * time.Second
)

// logLimit lets logLines through in each logWindow.
type logLimit struct {
	now func() time.Time

	mu         sync.Mutex
	began      time.Time
	lines      int
	suppressed int
}

// allow reports whether a line may be written, and how many were not since
// the last one.
func (l *logLimit) allow() (suppressed int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.now(); l.began.IsZero() || now.Sub(l.began) >= logWindow {
		l.began, l.lines = now, 0
	}
	if l.lines++; l.lines > logLines {
		l.suppressed++
		return 0, false
	}
	suppressed, l.suppressed = l.suppressed, 0
	return suppressed, true
}
