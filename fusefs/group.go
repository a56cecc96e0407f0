package fusefs

import (
	"context"
	"iter"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/artifortress/afs-engine/engine/registry"
)

// countAge is how long a group's link count is believed. The kernel asks for
// a directory's attributes on every walk through it, and a count is a listing.
const countAge = time.Second

// settled is how long the kernel believes that a group or a version is there:
// every path in a mount leads through some, and they only ever go away. What
// has gone must not be seen for longer than a second.
const settled = 250 * time.Millisecond

// uncached keeps an absent name out of the kernel's cache. Any time does;
// zero would mean the mount's default of an hour.
const uncached = time.Nanosecond

// groupNode is a directory above the versions: the top, a repo, or a segment
// of package names. It holds its path and asks the registry for the rest.
type groupNode struct {
	fs.Inode
	tracked
	readOnly
	view *view
	path string // "" at the top

	mu      sync.Mutex
	counted time.Time
	subdirs int64
	newest  time.Time
}

var (
	_ fs.NodeLookuper       = (*groupNode)(nil)
	_ fs.NodeGetattrer      = (*groupNode)(nil)
	_ fs.NodeOpendirHandler = (*groupNode)(nil)
	_ fs.NodeStatfser       = (*groupNode)(nil)
)

func (g *groupNode) Lookup(_ context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	child, errno := g.lookup(name, out)
	if errno != 0 {
		out.SetEntryTimeout(uncached)
	}
	return child, errno
}

// lookup leaves the timeout of a tag at zero: it is asked for anew at every
// walk, because it moves.
func (g *groupNode) lookup(name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	full := name
	if g.path != "" {
		full = g.path + "/" + name
	}
	n, err := g.view.reg.Name(g.view.ctx, full)
	if err != nil {
		return nil, g.view.registryFailed(full, err)
	}
	if !visible(n) {
		return nil, syscall.ENOENT
	}
	switch n.Kind {
	case registry.Group:
		sub, known := g.known(name).(*groupNode)
		if !known {
			sub = &groupNode{view: g.view, path: full}
		}
		if errno := sub.attr(&out.Attr); errno != 0 {
			return nil, errno
		}
		out.SetEntryTimeout(settled)
		return g.inode(sub, &sub.tracked, full, fuse.S_IFDIR), 0
	case registry.TagName:
		tag, known := g.known(name).(*tagNode)
		if !known {
			tag = &tagNode{view: g.view, path: full}
		}
		tag.attr(&out.Attr, n.Version)
		return g.inode(tag, &tag.tracked, full, fuse.S_IFLNK), 0
	default:
		// A published name never means other content, so a version that
		// the kernel refers to need not be read again.
		dir, ok := g.known(name).(*dirNode)
		if !ok {
			top, err := g.view.open(full, n.Version.Ref)
			if err != nil {
				return nil, g.view.registryFailed(full, err)
			}
			dir = &dirNode{node: node{item: top}}
		}
		dir.attr(&out.Attr)
		out.SetEntryTimeout(settled)
		out.SetAttrTimeout(forever)
		return g.inode(dir, &dir.tracked, full, fuse.S_IFDIR), 0
	}
}

// known is the node that the kernel refers to by a name; nil if none.
func (g *groupNode) known(name string) fs.InodeEmbedder {
	if child := g.GetChild(name); child != nil {
		return child.Operations()
	}
	return nil
}

// inode makes n an inode in the group, unless it is one already. t is n's.
func (g *groupNode) inode(n fs.InodeEmbedder, t *tracked, full string, mode uint32) *fs.Inode {
	if t.live == nil {
		g.view.live.add(n.EmbeddedInode(), t)
	}
	return g.NewInode(g.view.ctx, n, registryKey(full).stable(mode))
}

func (g *groupNode) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return g.attr(&out.Attr)
}

func (g *groupNode) attr(out *fuse.Attr) syscall.Errno {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := g.view.opts.Now(); g.counted.IsZero() || now.Sub(g.counted) >= countAge {
		subdirs, newest := int64(0), g.view.opts.Started
		for n, err := range g.children(g.view.ctx) {
			if err != nil {
				return g.view.registryFailed(g.path, err)
			}
			if n.Kind != registry.TagName {
				subdirs++
			}
			if n.Version != nil && n.Version.Time.After(newest) {
				newest = n.Version.Time
			}
		}
		g.counted, g.subdirs, g.newest = now, subdirs, newest
	}
	g.view.fill(out, fuse.S_IFDIR|0o555, 0, g.newest, g.subdirs+2)
	return 0
}

// children lists the names directly in the group that a mount shows.
func (g *groupNode) children(ctx context.Context) iter.Seq2[registry.Name, error] {
	return func(yield func(registry.Name, error) bool) {
		for n, err := range g.view.reg.Names(ctx, g.path) {
			if err == nil && (!visible(n) || !g.holds(n.Path)) {
				continue
			}
			if !yield(n, err) || err != nil {
				return
			}
		}
	}
}

// holds reports whether full is a path directly in the group.
func (g *groupNode) holds(full string) bool {
	dir, base := path.Split(full)
	return base != "" && strings.TrimSuffix(dir, "/") == g.path
}

func (g *groupNode) OpendirHandle(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return &dirHandle{
		self:   selfIno(&g.Inode),
		parent: parentIno(&g.Inode),
		list:   g.list,
		failed: func(err error) syscall.Errno { return g.view.registryFailed(g.path, err) },
	}, 0, 0
}

func (g *groupNode) list(after string) iter.Seq2[listed, error] {
	return func(yield func(listed, error) bool) {
		for n, err := range g.children(g.view.ctx) {
			if err != nil {
				yield(listed{}, err)
				return
			}
			l := listed{name: path.Base(n.Path), mode: nameType(n.Kind), ino: registryKey(n.Path).ino()}
			if l.name > after && !yield(l, nil) {
				return
			}
		}
	}
}

func (g *groupNode) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	return g.view.statfs(out)
}

// tagNode is a tag: a symbolic link to a version beside it. It asks the
// registry at every reading, because tags move.
type tagNode struct {
	fs.Inode
	tracked
	readOnly
	view *view
	path string
}

var (
	_ fs.NodeGetattrer  = (*tagNode)(nil)
	_ fs.NodeReadlinker = (*tagNode)(nil)
	_ fs.NodeStatfser   = (*tagNode)(nil)
)

func (t *tagNode) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	v, errno := t.version()
	if errno == 0 {
		t.attr(&out.Attr, v)
	}
	return errno
}

func (t *tagNode) Readlink(context.Context) ([]byte, syscall.Errno) {
	v, errno := t.version()
	if errno != 0 {
		return nil, errno
	}
	return []byte(tagTarget(v)), 0
}

// version is what the tag points at now.
func (t *tagNode) version() (*registry.Version, syscall.Errno) {
	n, err := t.view.reg.Name(t.view.ctx, t.path)
	if err != nil {
		return nil, t.view.registryFailed(t.path, err)
	}
	if n.Kind != registry.TagName || !visible(n) {
		return nil, syscall.ENOENT
	}
	return n.Version, 0
}

func (t *tagNode) attr(out *fuse.Attr, v *registry.Version) {
	t.view.fill(out, fuse.S_IFLNK|0o777, int64(len(tagTarget(v))), v.Time, 1)
}

func (t *tagNode) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	return t.view.statfs(out)
}

// tagTarget is the name of the version in its group.
func tagTarget(v *registry.Version) string {
	return path.Base(v.Ref.PackageName()) + "@" + v.Ref.Version
}
