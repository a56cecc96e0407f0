package unpack

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// tempPrefix begins the names of files that are not complete yet.
const tempPrefix = ".afs-unpack-"

func tempName() string { return fmt.Sprintf("%s%016x", tempPrefix, rand.Uint64()) }

func isTemp(name string) bool {
	rest, ok := strings.CutPrefix(name, tempPrefix)
	return ok && len(rest) == 16
}

// file decides what is to be done about one file, and does it.
func (u *unpacker) file(p *place, e manifest.Entry) error {
	if err := u.ctx.Err(); err != nil {
		return err
	}
	d, err := u.decide(p, e, nil)
	if err == nil && d == put {
		u.files.Add(1)
		u.bytes.Add(e.Size)
		if !u.o.DryRun {
			err = u.write(p, e)
		}
	}
	if err == nil && d != leave {
		err = u.linker.remember(p, e, d)
	}
	if err != nil {
		return p.fail(e.Name, err)
	}
	return nil
}

// decision is what is to be done about a name.
type decision int

const (
	leave decision = iota // something is in the way that must stay
	keep                  // what is there is right
	put                   // there is nothing, or no more
)

// decide says what to do about a file or link, after it has made way for it.
// What is kept is counted here. dest itself, if it is to be a file, never
// replaces a directory. With first, e is to be another name of that file.
func (u *unpacker) decide(p *place, e manifest.Entry, first *firstName) (decision, error) {
	info, there, err := p.lstat(e.Name)
	if err != nil {
		return leave, err
	}
	if !there {
		u.report(ActionCreate, p.path(e.Name))
		return put, nil
	}
	var same bool
	switch {
	case first != nil && first.is(info, e):
		same = true
	case first != nil && u.o.Overwrite != Never: // the same bytes are not the same file
	default:
		if same, err = u.matches(p, e, info); err != nil {
			return leave, err
		}
	}
	switch {
	case same && (u.o.Resume || u.o.Overwrite == Changed):
		u.skipped.Add(1)
		u.progress(1, e.Size)
		return keep, nil
	case u.o.Overwrite == Never, info.Type == dirfd.Directory && (!u.o.Delete || p.above == nil):
		u.report(ActionConflict, p.path(e.Name))
		return leave, nil
	}
	u.report(ActionReplace, p.path(e.Name))
	if info.Type == dirfd.Directory && !u.o.DryRun {
		return put, removeAll(u.ctx, p.dir, e.Name)
	}
	return put, nil
}

// matches compares what is there with e: a link by target, time and owner; a
// file by size, time, mode and owner and, for Resume, by its bytes.
func (u *unpacker) matches(p *place, e manifest.Entry, info dirfd.Info) (bool, error) {
	if !u.sameAttrs(e.Attr, info) {
		return false, nil
	}
	switch {
	case e.Kind == manifest.Symlink && info.Type == dirfd.Link:
		target, err := p.dir.Readlink(e.Name, manifest.TargetMax)
		return target == e.Target, err
	case e.Kind == manifest.File && info.Type == dirfd.Regular:
		if info.Size != e.Size || !u.o.Resume {
			return info.Size == e.Size, nil
		}
		return u.sameBytes(p, e)
	}
	return false, nil
}

// sameBytes reads a file that is there and checks it against its chunk ids.
func (u *unpacker) sameBytes(p *place, e manifest.Entry) (bool, error) {
	f, err := p.dir.OpenFile(e.Name, os.O_RDONLY, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	for x, err := range manifest.Segments(u.ctx, u.src, e.Content, 0) {
		if err != nil {
			return false, err
		}
		same, err := sameSegment(f, x.Segment)
		if err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

func sameSegment(f *dirfd.File, s manifest.Segment) (bool, error) {
	for rest := s.Length; rest > 0; {
		limit := int64(chunker.MaxSize)
		if s.Zero() {
			limit = 1 << 20
		}
		buf := make([]byte, min(rest, limit))
		if _, err := io.ReadFull(f, buf); err == io.EOF || err == io.ErrUnexpectedEOF {
			return false, nil
		} else if err != nil {
			return false, err
		}
		rest -= int64(len(buf))
		if s.Zero() && !allZero(buf) || !s.Zero() && chunker.Sum(buf) != s.ID {
			return false, nil
		}
	}
	return true, nil
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// write writes a file under a temporary name and gives it its own when it is
// complete.
func (u *unpacker) write(p *place, e manifest.Entry) (err error) {
	temp := tempName()
	f, err := p.dir.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			// The first error counts; the next Resume removes what stays.
			_ = p.dir.Remove(temp)
		}
	}()
	err = u.fill(f, e)
	if err == nil {
		err = u.setAttrs(p, e.Name, f, e.Attr)
	}
	if err == nil {
		err = p.dir.SetMTime(temp, e.Attr.MTime)
	}
	if err == nil && u.eachSync(p) {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = p.dir.Rename(temp, e.Name)
	}
	if err == nil {
		u.progress(1, 0)
	}
	return err
}

// fill writes the bytes of e. Runs of zeros are left as holes.
func (u *unpacker) fill(f *dirfd.File, e manifest.Entry) error {
	end, written := int64(0), int64(0)
	for x, err := range manifest.Segments(u.ctx, u.src, e.Content, 0) {
		if err == nil {
			err = u.ctx.Err()
		}
		if err != nil {
			return err
		}
		if end = x.Offset + x.Length; !x.Zero() {
			b, err := u.src.Chunk(u.ctx, chunker.Data, x.ID)
			if err != nil {
				return err
			}
			if int64(len(b)) != x.Length {
				return fmt.Errorf("chunk %s has %d bytes, its file says %d", x.ID, len(b), x.Length)
			}
			if _, err := f.WriteAt(b, x.Offset); err != nil {
				return err
			}
			written = end
		}
		u.progress(0, x.Length)
	}
	if end != e.Size {
		return fmt.Errorf("the content has %d bytes, its entry says %d", end, e.Size)
	}
	if written < end {
		return f.Truncate(end)
	}
	return nil
}
