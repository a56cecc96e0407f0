package dataplane

import (
	"encoding/binary"
	"time"

	"github.com/artifortress/afs-engine/engine/known"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/source"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// Files come by the ten thousand, so they are packed by hand:
//
//	moment    seconds (8) nanoseconds (4)
//	identity  path (counted) device (8) inode (8) size (8) mtime ctime (moments)
//	file      size (8) chunks (8) segments in a list (8) list id (32), or with 0 of these:
//	          segments (varint), each: length (8) id (32)
//	known     found (1), and if it is 1: file
//	learnt    identity file began (moment)
//
// Integers are little-endian. A list of them is one after the other.
type knownQuery struct {
	Files []byte // identities
	Trust known.Trust
	Keep  bool
}

type knownReply struct{ Files []byte } // known

type learnQuery struct{ Files []byte } // learnt

func packKnown(files []KnownFile) []byte {
	b := make([]byte, 0, 128*len(files))
	for i := range files {
		if f := &files[i]; f.Found {
			b = appendFile(append(b, 1), &f.File)
		} else {
			b = append(b, 0)
		}
	}
	return b
}

func unpackKnown(b []byte, files []KnownFile) error {
	r := wire.NewReader(b)
	for i := range files {
		f := &files[i]
		*f = KnownFile{}
		if f.Found = r.U8() == 1; f.Found {
			f.File = readFile(r)
		}
	}
	return badFiles(r)
}

func packIdentities(ids []source.Identity) []byte {
	b := make([]byte, 0, 160*len(ids))
	for i := range ids {
		b = appendIdentity(b, &ids[i])
	}
	return b
}

func unpackIdentities(b []byte) (ids []source.Identity, err error) {
	r := wire.NewReader(b)
	for r.Len() > 0 && len(ids) < FilesMax {
		ids = append(ids, readIdentity(r))
	}
	return ids, badFiles(r)
}

func packLearnt(files []LearntFile) []byte {
	b := make([]byte, 0, 288*len(files))
	for i := range files {
		f := &files[i]
		b = appendMoment(appendFile(appendIdentity(b, &f.ID), &f.File), f.Began)
	}
	return b
}

func unpackLearnt(b []byte) (files []LearntFile, err error) {
	r := wire.NewReader(b)
	for r.Len() > 0 && len(files) < FilesMax {
		files = append(files, LearntFile{ID: readIdentity(r), File: readFile(r), Began: readMoment(r)})
	}
	return files, badFiles(r)
}

// badFiles is what is wrong with a list that r has been read from.
func badFiles(r *wire.Reader) error {
	if err := r.Done(); err != nil {
		return badMessage("a list of files: %w", err)
	}
	return nil
}

func appendMoment(b []byte, t time.Time) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(t.Unix()))
	return binary.LittleEndian.AppendUint32(b, uint32(t.Nanosecond()))
}

func readMoment(r *wire.Reader) time.Time { return time.Unix(int64(r.U64()), int64(r.U32())) }

func appendIdentity(b []byte, id *source.Identity) []byte {
	b = wire.AppendCounted(b, id.Path)
	for _, v := range [...]uint64{id.Dev, id.Ino, uint64(id.Size)} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return appendMoment(appendMoment(b, id.MTime), id.CTime)
}

func readIdentity(r *wire.Reader) (id source.Identity) {
	id.Path = string(r.Counted(messageMax))
	id.Dev, id.Ino, id.Size = r.U64(), r.U64(), int64(r.U64())
	id.MTime, id.CTime = readMoment(r), readMoment(r)
	return id
}

func appendFile(b []byte, f *known.File) []byte {
	for _, v := range [...]int64{f.Size, f.Chunks, f.Content.Count} {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	if f.Content.Count != 0 {
		return append(b, f.Content.List[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(f.Content.Segments)))
	for _, s := range f.Content.Segments {
		b = append(binary.LittleEndian.AppendUint64(b, uint64(s.Length)), s.ID[:]...)
	}
	return b
}

func readFile(r *wire.Reader) (f known.File) {
	f.Size, f.Chunks, f.Content.Count = int64(r.U64()), int64(r.U64()), int64(r.U64())
	if f.Content.Count != 0 {
		f.Content.List = r.ID()
		return f
	}
	if n := r.Count(8 + 32); n > 0 {
		f.Content.Segments = make([]manifest.Segment, n)
	}
	for i := range f.Content.Segments {
		f.Content.Segments[i].Length, f.Content.Segments[i].ID = int64(r.U64()), r.ID()
	}
	return f
}
