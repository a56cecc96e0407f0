package fusefs

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"iter"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/artifortress/afs-engine/engine/manifest"
)

// forever is how long the kernel may keep what it knows of a version.
const forever = time.Hour

// version is a version that the kernel refers to some inode of.
type version struct {
	view *view
	name string // REPO/PACKAGE@VERSION
	key  key    // of its root
	src  manifest.Source
}

// item is one entry of a version.
type item struct {
	*version
	entry manifest.Entry
	key   key
}

func (it *item) child(e manifest.Entry) item {
	child := item{version: it.version, entry: e, key: it.key.child(e.Name)}
	if file, shared := e.LinkKey(); shared {
		child.key = it.version.key.shared(file)
	}
	return child
}

func (it *item) attr(out *fuse.Attr) {
	e := &it.entry
	nlink := int64(1)
	switch {
	case e.Kind == manifest.Dir:
		nlink = e.Summary.Subdirs + 2
	case !e.Attr.Links.IsZero():
		nlink = int64(e.Attr.Links.Count)
	}
	it.view.fill(out, fileType(e.Kind)|e.Attr.Mode, e.Size, e.Attr.MTime, nlink)
	if o := e.Attr.Owner; o.Known {
		out.Uid, out.Gid = o.UID, o.GID
	}
}

// inode makes or finds an inode for the item, and fills out with what the
// kernel may keep of it. There is none for a kind that this program does not
// know.
func (it item) inode(ctx context.Context, parent *fs.Inode, out *fuse.EntryOut) *fs.Inode {
	it.attr(&out.Attr)
	out.SetAttrTimeout(forever)
	out.SetEntryTimeout(forever)
	if known := parent.GetChild(it.entry.Name); known != nil {
		return known
	}
	switch it.entry.Kind {
	case manifest.File:
		f := &fileNode{node{item: it}}
		return f.join(ctx, parent, f)
	case manifest.Dir:
		d := &dirNode{node: node{item: it}}
		return d.join(ctx, parent, d)
	case manifest.Symlink:
		l := &linkNode{node{item: it}}
		return l.join(ctx, parent, l)
	}
	return nil
}

// node is what all inodes of a version have in common.
type node struct {
	fs.Inode
	tracked
	readOnly
	item
}

// join makes n, which is in self, an inode in parent.
func (n *node) join(ctx context.Context, parent *fs.Inode, self fs.InodeEmbedder) *fs.Inode {
	n.view.live.add(&n.Inode, &n.tracked)
	return parent.NewInode(ctx, self, n.key.stable(fileType(n.entry.Kind)))
}

var (
	_ fs.NodeGetattrer = (*node)(nil)
	_ fs.NodeStatfser  = (*node)(nil)
)

func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.attr(&out.Attr)
	out.SetTimeout(forever)
	return 0
}

func (n *node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	return n.view.statfs(out)
}

// failed is the answer when the inode's content cannot be read.
func (n *node) failed(err error) syscall.Errno {
	return n.view.contentFailed(n.name+":"+n.inVersion(), err)
}

// inVersion is the inode's path from the version's root, as far as the kernel
// still remembers it.
func (n *node) inVersion() string {
	name, parent := n.Parent()
	if parent == nil {
		return ""
	}
	up, ok := parent.Operations().(*dirNode)
	if !ok {
		return ""
	}
	if dir := up.inVersion(); dir != "" {
		return dir + "/" + name
	}
	return name
}

// dirNode is a directory of a version.
type dirNode struct {
	node
	lookups atomic.Int64 // tells a listing whether its reader wants attributes
}

var (
	_ fs.NodeLookuper       = (*dirNode)(nil)
	_ fs.NodeOpendirHandler = (*dirNode)(nil)
)

func (d *dirNode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if len(name) > manifest.NameMax {
		return nil, syscall.ENAMETOOLONG
	}
	d.lookups.Add(1)
	dir, err := manifest.OpenDir(d.src, d.entry)
	if err != nil {
		return nil, d.failed(err)
	}
	e, err := dir.Lookup(d.view.ctx, name)
	if err != nil {
		var lost *sourceError
		if errors.Is(err, iofs.ErrNotExist) && !errors.As(err, &lost) {
			return nil, syscall.ENOENT
		}
		return nil, d.failed(err)
	}
	child := d.child(e).inode(ctx, &d.Inode, out)
	if child == nil {
		return nil, syscall.EIO
	}
	return child, 0
}

func (d *dirNode) OpendirHandle(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return &dirHandle{
		self:   selfIno(&d.Inode),
		parent: parentIno(&d.Inode),
		list:   d.list,
		failed: d.failed,
		dir:    d,
	}, fuse.FOPEN_CACHE_DIR | fuse.FOPEN_KEEP_CACHE, 0
}

func (d *dirNode) list(after string) iter.Seq2[listed, error] {
	return func(yield func(listed, error) bool) {
		dir, err := manifest.OpenDir(d.src, d.entry)
		if err != nil {
			yield(listed{}, err)
			return
		}
		for e, err := range dir.List(d.view.ctx, after) {
			if err != nil {
				yield(listed{}, err)
				return
			}
			it := d.child(e)
			if !yield(listed{name: e.Name, mode: fileType(e.Kind), ino: it.key.ino(), item: it}, nil) {
				return
			}
		}
	}
}

// linkNode is a symbolic link of a version.
type linkNode struct{ node }

var _ fs.NodeReadlinker = (*linkNode)(nil)

func (l *linkNode) Readlink(context.Context) ([]byte, syscall.Errno) {
	return []byte(l.entry.Target), 0
}

// fileNode is a file of a version.
type fileNode struct{ node }

var _ fs.NodeOpener = (*fileNode)(nil)

func (f *fileNode) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if flags&syscall.O_ACCMODE != syscall.O_RDONLY || flags&syscall.O_TRUNC != 0 {
		return nil, 0, syscall.EROFS
	}
	content, err := manifest.OpenFile(f.view.ctx, f.src, f.entry)
	if err != nil {
		return nil, 0, f.failed(err)
	}
	return &fileHandle{file: f, content: content}, fuse.FOPEN_KEEP_CACHE, 0
}

// fileHandle is an open file.
type fileHandle struct {
	file    *fileNode
	content io.ReaderAt
}

var _ fs.FileReader = (*fileHandle)(nil)

// Read answers with fewer bytes than dest only at the end of the file.
func (h *fileHandle) Read(_ context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	n, err := h.content.ReadAt(dest, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, h.file.failed(err)
	}
	return fuse.ReadResultData(dest[:n]), 0
}
