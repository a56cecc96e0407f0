package unpack

import (
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"syscall"

	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/index/scratch"
)

// linker knows where files with several names have been written, so that the
// other names become links to them. The planner asks, the writers tell.
type linker struct {
	top *dirfd.Dir // of the destination; nil: it is not there yet, or no directory

	mu      sync.Mutex
	writing map[linkKey]chan struct{} // closed when it is written, or could not be
	written *scratch.Map              // linkKey → firstName, empty if claimed only; nil until there is one
}

type linkKey = [16]byte

// firstName is where a file with several names is.
type firstName struct {
	dev, ino uint64 // 0 in a dry run, if it would be new
	path     string // from the destination
}

// is reports whether info is about that file, e. An inode number alone may be
// that of a later file.
func (f firstName) is(info dirfd.Info, e manifest.Entry) bool {
	return info.Type == dirfd.Regular && info.Ino == f.ino && info.Dev == f.dev &&
		info.Size == e.Size && info.MTime.Equal(e.Attr.MTime)
}

// find returns where the file of key is, once a writer that is at it is done;
// nil if nowhere.
func (l *linker) find(key linkKey) (*firstName, error) {
	l.mu.Lock()
	busy, written := l.writing[key], l.written
	l.mu.Unlock()
	if busy != nil {
		<-busy
	}
	if written == nil {
		return nil, nil
	}
	b, _, err := written.Get(key[:])
	if err != nil || len(b) == 0 {
		return nil, err
	}
	return &firstName{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), string(b[16:])}, nil
}

// claim says that the file of key is to be written; done, that it is, or could
// not be. done is nil if somebody else is at it or it is written; for the
// planner, which does not claim again, also if it could not be. So whoever
// waits for a file waits for a window that has been handed on.
func (l *linker) claim(key linkKey, again bool) (done func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written == nil {
		if l.written, err = scratch.Open(""); err != nil {
			return nil, err
		}
		l.writing = map[linkKey]chan struct{}{}
	}
	if l.writing[key] != nil {
		return nil, nil
	}
	at, claimed, err := l.written.Get(key[:])
	if err != nil || len(at) > 0 || claimed && !again {
		return nil, err
	}
	if err := l.written.Put(key[:], nil); err != nil {
		return nil, err
	}
	busy := make(chan struct{})
	l.writing[key] = busy
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.writing, key)
		close(busy)
	}, nil
}

// remember says that e has been written to p, or was there.
func (l *linker) remember(p *place, e manifest.Entry, d decision) error {
	key, shared := e.LinkKey()
	if !shared || l.written == nil {
		return nil
	}
	var info dirfd.Info
	if d == keep || !p.u.o.DryRun {
		var err error
		if info, err = p.dir.Lstat(e.Name); err != nil {
			return err
		}
	}
	b := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, info.Dev), info.Ino)
	return l.written.Put(key[:], append(b, p.path(e.Name)...))
}

func (l *linker) close() error {
	if l.written == nil {
		return nil
	}
	return l.written.Close()
}

// furtherName makes a further name of a file. If none of its names could be
// written, or it cannot be linked to, it becomes a file of its own.
func (u *unpacker) furtherName(n furtherName) error {
	if err := u.ctx.Err(); err != nil {
		return err
	}
	for {
		first, err := u.linker.find(n.key)
		if err != nil {
			return err
		}
		if first != nil {
			if done, err := u.hardLink(n.p, n.e, first); done || err != nil {
				return err
			}
			return u.write([]*file{u.newFile(n.p, n.e, func() {})})
		}
		written, err := u.linker.claim(n.key, true)
		if err != nil {
			return err
		}
		if written != nil {
			return u.write([]*file{u.newFile(n.p, n.e, written)})
		}
	}
}

// hardLink makes e another name of first. It reports false, and has done
// nothing, if e must be written like any other file.
func (u *unpacker) hardLink(p *place, e manifest.Entry, first *firstName) (done bool, err error) {
	temp := ""
	info, there, err := p.lstat(e.Name)
	if err == nil && !u.o.DryRun && !(there && first.is(info, e)) {
		temp, err = u.tempLink(p, e, first)
	}
	if notLinkable(err) {
		return false, nil
	}
	if err != nil {
		return false, p.fail(e.Name, err)
	}
	d, err := u.decide(p, e, first)
	if err == nil && d.puts() {
		placed := true
		if temp != "" {
			if placed, err = u.settle(p, temp, e.Name, d); err == nil {
				temp = ""
			}
		}
		if err == nil && placed {
			u.linked.Add(1)
			if !u.o.DryRun {
				u.progress(1, e.Size)
			}
		}
	}
	if temp != "" {
		err = errors.Join(err, p.dir.Remove(temp))
	}
	if err != nil {
		return true, p.fail(e.Name, err)
	}
	return true, nil
}

// tempLink links e, which is at first, to a temporary name in p.
func (u *unpacker) tempLink(p *place, e manifest.Entry, first *firstName) (temp string, err error) {
	segs := strings.Split(first.path, "/")
	dir, err := u.linker.top.OpenDir(".")
	for _, seg := range segs[:len(segs)-1] {
		if err != nil {
			return "", err
		}
		above := dir
		dir, err = above.OpenDir(seg)
		err = errors.Join(err, above.Close())
	}
	if err != nil {
		return "", err
	}
	temp = tempName()
	err = dir.Link(segs[len(segs)-1], p.dir, temp)
	if err := errors.Join(err, dir.Close()); err != nil {
		return "", err
	}
	info, err := p.dir.Lstat(temp)
	if err == nil && !first.is(info, e) { // somebody has put something else there
		err = syscall.ENOENT
	}
	if err != nil {
		return "", errors.Join(err, p.dir.Remove(temp))
	}
	return temp, nil
}

// notLinkable says that a link cannot be made, and a copy perhaps can: another
// file system, too many names, a file or directory that may not be linked to
// or looked into, or that is no longer where it was.
func notLinkable(err error) bool {
	for _, no := range []error{
		syscall.EXDEV, syscall.EMLINK, syscall.EPERM, syscall.EACCES, syscall.ENOTSUP, syscall.ENOSYS,
		syscall.ENOENT, syscall.ENOTDIR, syscall.ELOOP,
	} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}
