package fusefs

import (
	"context"
	"encoding/binary"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/zeebo/blake3"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// The extended attributes of files and directories in a version, besides those
// that it has stored. Symbolic links have none, because Linux allows no user
// attributes on them.
const (
	xattrOurs    = "user.afs."        // begins what a version cannot store here
	xattrContent = "user.afs.content" // 64 hex digits, see contentID
	xattrVersion = "user.afs.version" // REPO/PACKAGE@VERSION
)

var (
	_ fs.NodeGetxattrer  = (*node)(nil)
	_ fs.NodeListxattrer = (*node)(nil)
)

func (n *node) Getxattr(_ context.Context, name string, dest []byte) (uint32, syscall.Errno) {
	if n.entry.Kind == manifest.Symlink {
		return 0, syscall.ENODATA
	}
	switch name {
	case xattrContent:
		return answer(dest, contentID(n.entry).String())
	case xattrVersion:
		return answer(dest, n.name)
	}
	for _, x := range n.stored() {
		if x.Name == name {
			return answer(dest, x.Value)
		}
	}
	return 0, syscall.ENODATA
}

// stored are the attributes from the version. Those that would steer the
// system, or pass for this program's, are not shown.
func (n *node) stored() (xs []manifest.Xattr) {
	for _, x := range n.entry.Attr.Xattrs {
		if x.Portable() && !strings.HasPrefix(x.Name, xattrOurs) {
			xs = append(xs, x)
		}
	}
	return xs
}

func (n *node) Listxattr(_ context.Context, dest []byte) (uint32, syscall.Errno) {
	if n.entry.Kind == manifest.Symlink {
		return 0, 0
	}
	names := xattrContent + "\x00" + xattrVersion + "\x00"
	for _, x := range n.stored() {
		names += x.Name + "\x00"
	}
	return answer(dest, names)
}

// answer copies s, or says how much room it needs.
func answer(dest []byte, s string) (uint32, syscall.Errno) {
	if len(dest) < len(s) {
		return uint32(len(s)), syscall.ERANGE
	}
	return uint32(copy(dest, s)), 0
}

// segmentsContext keeps the ids of segment lists apart from chunk ids.
const segmentsContext = "afs-engine 2026 v1 inline segments"

// contentID names what is in a file or directory. In one store equal content
// has equal ids:
//
//	directory          its content node's id, the one that @root-HEX pins
//	file, chunk list   the chunk list's id
//	file, one chunk    the chunk's id: BLAKE3-256 of the file's bytes
//	file, empty        BLAKE3-256 of no bytes
//	file, else         BLAKE3 in derive-key mode over its segments, each the
//	                   chunk id (zero for zeros) and u64 LE length in bytes
func contentID(e manifest.Entry) chunker.ID {
	segments := e.Content.Segments
	switch {
	case e.Kind == manifest.Dir:
		return e.Tree
	case !e.Content.List.IsZero():
		return e.Content.List
	case len(segments) == 0:
		return chunker.Sum(nil)
	case len(segments) == 1 && !segments[0].Zero():
		return segments[0].ID
	}
	h := blake3.NewDeriveKey(segmentsContext)
	for _, s := range segments {
		h.Write(s.ID[:])
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(s.Length)))
	}
	var id chunker.ID
	h.Sum(id[:0])
	return id
}
