package fusefs

import (
	"context"
	"iter"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// attrWindow is for how many names of a listing a handle decides at a time
// whether to send attributes along.
const attrWindow = 512

// listed is one name of a listing.
type listed struct {
	name string
	mode uint32 // S_IFMT
	ino  uint64
	item item // in a version's directory
}

// dirHandle is an open directory. It reads the listing as the kernel asks for
// it and holds one name. An offset is the number of names up to there, "." and
// ".." counted, so seeking back reads the listing again.
//
// The kernel always asks for attributes along with names, and each set makes
// an inode that it then refers to. For a large directory that is a waste if
// the reader wants the names alone. So the handle sends them for the first
// attrWindow names, and goes on only once names have been looked up one by
// one, which shows a reader that misses them.
//
// go-fuse calls one method at a time.
type dirHandle struct {
	self, parent uint64
	list         func(after string) iter.Seq2[listed, error]
	failed       func(error) syscall.Errno
	dir          *dirNode // nil above the versions, where attributes are never sent along

	next func() (listed, error, bool) // nil until the listing is read
	stop func()
	pos  uint64 // names handed out
	last listed // the last of them

	attrs   bool  // this window's names come with attributes
	wanted  bool  // so do all that follow
	lookups int64 // dir.lookups when the window began
}

var (
	_ fs.FileReaddirenter = (*dirHandle)(nil)
	_ fs.FileSeekdirer    = (*dirHandle)(nil)
	_ fs.FileLookuper     = (*dirHandle)(nil)
	_ fs.FileReleasedirer = (*dirHandle)(nil)
)

// dots are the names that every listing begins with.
const dots = 2

func (h *dirHandle) Readdirent(context.Context) (*fuse.DirEntry, syscall.Errno) {
	switch h.pos {
	case 0:
		h.pos++
		return &fuse.DirEntry{Name: ".", Mode: fuse.S_IFDIR, Ino: h.self, Off: h.pos}, 0
	case 1:
		h.pos++
		return &fuse.DirEntry{Name: "..", Mode: fuse.S_IFDIR, Ino: h.parent, Off: h.pos}, 0
	}
	if h.dir != nil && (h.pos-dots)%attrWindow == 0 {
		seen := h.dir.lookups.Load()
		h.wanted = h.wanted || h.pos > dots && seen != h.lookups
		h.attrs, h.lookups = h.wanted || h.pos == dots, seen
	}
	more, errno := h.advance()
	if !more {
		return nil, errno
	}
	return &fuse.DirEntry{Name: h.last.name, Mode: h.last.mode, Ino: h.last.ino, Off: h.pos}, 0
}

// advance goes to the next name of the listing, if there is one. After a
// failure the next call goes on behind the last name.
func (h *dirHandle) advance() (more bool, errno syscall.Errno) {
	if h.next == nil {
		h.next, h.stop = iter.Pull2(h.list(h.last.name))
	}
	l, err, more := h.next()
	if err != nil {
		h.close()
		return false, h.failed(err)
	}
	if more {
		h.last = l
		h.pos++
	}
	return more, 0
}

func (h *dirHandle) Seekdir(_ context.Context, off uint64) syscall.Errno {
	if off < h.pos {
		h.close()
		h.pos, h.last = 0, listed{}
	}
	h.pos = max(h.pos, min(off, dots))
	for h.pos < off {
		if more, errno := h.advance(); !more {
			return errno
		}
	}
	return 0
}

// Lookup gives the attributes of the name that Readdirent returned last. An
// error means that the name goes without.
func (h *dirHandle) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if !h.attrs || name != h.last.name {
		return nil, syscall.ENOENT
	}
	if child := h.last.item.inode(ctx, &h.dir.Inode, out); child != nil {
		return child, 0
	}
	return nil, syscall.ENOENT
}

func (h *dirHandle) Releasedir(context.Context, uint32) { h.close() }

func (h *dirHandle) close() {
	if h.stop != nil {
		h.stop()
	}
	h.next, h.stop = nil, nil
}

func selfIno(n *fs.Inode) uint64 { return n.StableAttr().Ino }

// parentIno is what ".." says; the root is its own parent.
func parentIno(n *fs.Inode) uint64 {
	if _, p := n.Parent(); p != nil {
		return selfIno(p)
	}
	return selfIno(n)
}
