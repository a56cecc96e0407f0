package fusefs

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// readOnly refuses every change. The kernel does so by itself, for the mount
// is read-only; this is for a mount that somebody has remounted writable.
type readOnly struct{}

var (
	_ fs.NodeSetattrer     = readOnly{}
	_ fs.NodeSetxattrer    = readOnly{}
	_ fs.NodeRemovexattrer = readOnly{}
	_ fs.NodeCreater       = readOnly{}
	_ fs.NodeTmpfiler      = readOnly{}
	_ fs.NodeMkdirer       = readOnly{}
	_ fs.NodeMknoder       = readOnly{}
	_ fs.NodeLinker        = readOnly{}
	_ fs.NodeSymlinker     = readOnly{}
	_ fs.NodeUnlinker      = readOnly{}
	_ fs.NodeRmdirer       = readOnly{}
	_ fs.NodeRenamer       = readOnly{}
	_ fs.NodeFlusher       = readOnly{}
	_ fs.NodeFsyncer       = readOnly{}
)

func (readOnly) Setattr(context.Context, fs.FileHandle, *fuse.SetAttrIn, *fuse.AttrOut) syscall.Errno {
	return syscall.EROFS
}

func (readOnly) Setxattr(context.Context, string, []byte, uint32) syscall.Errno {
	return syscall.EROFS
}

func (readOnly) Removexattr(context.Context, string) syscall.Errno { return syscall.EROFS }

func (readOnly) Create(context.Context, string, uint32, uint32, *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	return nil, nil, 0, syscall.EROFS
}

func (readOnly) Tmpfile(context.Context, uint32, uint32, *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	return nil, nil, 0, syscall.EROFS
}

func (readOnly) Mkdir(context.Context, string, uint32, *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return nil, syscall.EROFS
}

func (readOnly) Mknod(context.Context, string, uint32, uint32, *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return nil, syscall.EROFS
}

func (readOnly) Link(context.Context, fs.InodeEmbedder, string, *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return nil, syscall.EROFS
}

func (readOnly) Symlink(context.Context, string, string, *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return nil, syscall.EROFS
}

func (readOnly) Unlink(context.Context, string) syscall.Errno { return syscall.EROFS }

func (readOnly) Rmdir(context.Context, string) syscall.Errno { return syscall.EROFS }

func (readOnly) Rename(context.Context, string, fs.InodeEmbedder, string, uint32) syscall.Errno {
	return syscall.EROFS
}

// Flush tells the kernel not to ask again: closing a file needs no message.
func (readOnly) Flush(context.Context, fs.FileHandle) syscall.Errno { return syscall.ENOSYS }

// Fsync has nothing to do.
func (readOnly) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno { return 0 }
