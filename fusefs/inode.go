package fusefs

import (
	"encoding/binary"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/zeebo/blake3"

	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
)

// rootIno is the number of the mount's root, whatever it shows.
const rootIno = 1

// key identifies an inode by its name alone, so it is the same at every mount:
//
//	registry  BLAKE3(0x00 ‖ path), e.g. "go/toolchain@1.26.0"
//	version   BLAKE3(0x01 ‖ the parent's key ‖ name), from the version's key down
//	shared    BLAKE3(0x02 ‖ the version's key ‖ link key), a file with several names
//
// of which the first 16 bytes are kept. 8 of them make the inode number. They
// all make the identity by which go-fuse tells inodes apart: should two of a
// billion files share a number, they are still two files.
type key [16]byte

func registryKey(path string) key {
	return hashKey(append([]byte{0}, path...))
}

func (k key) child(name string) key {
	b := make([]byte, 0, 1+len(k)+manifest.NameMax)
	b = append(b, 1)
	b = append(b, k[:]...)
	return hashKey(append(b, name...))
}

// shared is the key of a file in the version k that has several names.
func (k key) shared(file [16]byte) key {
	return hashKey(append(append([]byte{2}, k[:]...), file[:]...))
}

func hashKey(b []byte) key {
	sum := blake3.Sum256(b)
	return key(sum[:16])
}

// ino is the inode number: 63 bits, so that no tool sees a negative one, and
// none of those with a meaning of their own (0, 1 and 2⁶⁴−1).
func (k key) ino() uint64 {
	return max(binary.LittleEndian.Uint64(k[:8])>>1, rootIno+1)
}

func (k key) stable(mode uint32) fs.StableAttr {
	return fs.StableAttr{Mode: mode, Ino: k.ino(), Gen: binary.LittleEndian.Uint64(k[8:])}
}

// fileType is the S_IFMT part of an entry's mode; 0 for an unknown kind.
func fileType(k manifest.Kind) uint32 {
	switch k {
	case manifest.File:
		return fuse.S_IFREG
	case manifest.Dir:
		return fuse.S_IFDIR
	case manifest.Symlink:
		return fuse.S_IFLNK
	}
	return 0
}

// nameType is the S_IFMT part of a registry name's mode.
func nameType(k registry.NameKind) uint32 {
	if k == registry.TagName {
		return fuse.S_IFLNK
	}
	return fuse.S_IFDIR
}

// blockSize is what stat and statfs call a block, in bytes.
const blockSize = 4096

// fill sets what all attributes have in common.
func (v *view) fill(out *fuse.Attr, mode uint32, size int64, mtime time.Time, nlink int64) {
	out.Mode = mode
	out.Size = uint64(size)
	out.Blocks = (out.Size + 511) / 512
	out.Blksize = blockSize
	out.Nlink = uint32(nlink)
	out.Uid, out.Gid = v.uid, v.gid
	// Seconds before 1970 are negative numbers in these unsigned fields.
	out.Mtime, out.Mtimensec = uint64(mtime.Unix()), uint32(mtime.Nanosecond())
	out.Atime, out.Atimensec = out.Mtime, out.Mtimensec
	out.Ctime, out.Ctimensec = out.Mtime, out.Mtimensec
}
