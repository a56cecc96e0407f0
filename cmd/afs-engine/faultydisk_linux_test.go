package main

import (
	"context"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// faultyDisk shows a directory as a file system of which one operation fails
// once.
type faultyDisk struct {
	dir   string // where it is mounted
	below string // the directory itself

	mu    sync.Mutex
	op    string // one of faultyOps
	left  int    // so many of them succeed before
	errno syscall.Errno
	hit   bool
}

// faultyOps are what a disk can fail at when something is written to it.
var faultyOps = []string{"create", "write", "flush", "mkdir", "symlink", "link", "rename", "setattr", "setxattr"}

// newFaultyDisk skips the test where FUSE does not work, unless
// AFS_TEST_REQUIRE lists fuse.
func newFaultyDisk(t *testing.T) *faultyDisk {
	t.Helper()
	if !canMount(t) {
		t.Skip("FUSE does not work here")
	}
	d := &faultyDisk{dir: t.TempDir(), below: t.TempDir()}
	root, err := fs.NewLoopbackRoot(d.below)
	if err != nil {
		t.Fatal(err)
	}
	server, err := fs.Mount(d.dir, d.wrap(root), &fs.Options{NullPermissions: true, MountOptions: fuse.MountOptions{FsName: "faulty"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// fail makes the nth op from now on fail, counted from 0; "" heals the disk.
func (d *faultyDisk) fail(op string, n int, errno syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.op, d.left, d.errno, d.hit = op, n, errno, false
}

// wasHit reports whether there were so many.
func (d *faultyDisk) wasHit() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hit
}

func (d *faultyDisk) does(op string) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	if op != d.op || d.hit {
		return fs.OK
	}
	if d.left--; d.left >= 0 {
		return fs.OK
	}
	d.hit = true
	return d.errno
}

type faultyNode struct {
	*fs.LoopbackNode
	d *faultyDisk
}

func (d *faultyDisk) wrap(n fs.InodeEmbedder) fs.InodeEmbedder {
	return &faultyNode{n.(*fs.LoopbackNode), d}
}

// WrapChild makes nodes that go-fuse makes ours.
func (n *faultyNode) WrapChild(_ context.Context, child fs.InodeEmbedder) fs.InodeEmbedder {
	return n.d.wrap(child)
}

var (
	_ fs.NodeWrapChilder = (*faultyNode)(nil)
	_ fs.NodeCreater     = (*faultyNode)(nil)
	_ fs.NodeMkdirer     = (*faultyNode)(nil)
	_ fs.NodeSymlinker   = (*faultyNode)(nil)
	_ fs.NodeLinker      = (*faultyNode)(nil)
	_ fs.NodeRenamer     = (*faultyNode)(nil)
	_ fs.NodeSetattrer   = (*faultyNode)(nil)
	_ fs.NodeSetxattrer  = (*faultyNode)(nil)
	_ fs.FileWriter      = (*faultyFile)(nil)
	_ fs.FileFlusher     = (*faultyFile)(nil)
)

func (n *faultyNode) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if e := n.d.does("create"); e != fs.OK {
		return nil, nil, 0, e
	}
	node, fh, fuseFlags, e := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	if f, ok := fh.(*fs.LoopbackFile); ok {
		fh = &faultyFile{f, n.d}
	}
	return node, fh, fuseFlags, e
}

func (n *faultyNode) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if e := n.d.does("mkdir"); e != fs.OK {
		return nil, e
	}
	return n.LoopbackNode.Mkdir(ctx, name, mode, out)
}

func (n *faultyNode) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if e := n.d.does("symlink"); e != fs.OK {
		return nil, e
	}
	return n.LoopbackNode.Symlink(ctx, target, name, out)
}

func (n *faultyNode) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if e := n.d.does("link"); e != fs.OK {
		return nil, e
	}
	return n.LoopbackNode.Link(ctx, target, name, out)
}

func (n *faultyNode) Rename(ctx context.Context, name string, parent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if e := n.d.does("rename"); e != fs.OK {
		return e
	}
	return n.LoopbackNode.Rename(ctx, name, parent, newName, flags)
}

func (n *faultyNode) Setattr(ctx context.Context, fh fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if e := n.d.does("setattr"); e != fs.OK {
		return e
	}
	return n.LoopbackNode.Setattr(ctx, fh, in, out)
}

func (n *faultyNode) Setxattr(ctx context.Context, attr string, data []byte, flags uint32) syscall.Errno {
	if e := n.d.does("setxattr"); e != fs.OK {
		return e
	}
	return n.LoopbackNode.Setxattr(ctx, attr, data, flags)
}

type faultyFile struct {
	*fs.LoopbackFile
	d *faultyDisk
}

func (f *faultyFile) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	if e := f.d.does("write"); e != fs.OK {
		return 0, e
	}
	return f.LoopbackFile.Write(ctx, data, off)
}

func (f *faultyFile) Flush(ctx context.Context) syscall.Errno {
	if e := f.d.does("flush"); e != fs.OK {
		return e
	}
	return f.LoopbackFile.Flush(ctx)
}

// PassthroughFd keeps the kernel from writing past this file system.
func (f *faultyFile) PassthroughFd() (int, bool) { return 0, false }
