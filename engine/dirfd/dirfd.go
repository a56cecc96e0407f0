// Package dirfd works on directory trees by descriptors rather than by paths.
//
// Every operation names one entry of an open directory and follows no symbolic
// link, so a walk cannot be led out of its tree by a directory that is swapped
// for a link meanwhile, and paths may be longer than the system's limit.
// os.Root is the standard library's answer to the first need; it follows links
// that stay inside, and resolves whole paths, which a walker does not want.
//
// Errors are *fs.PathError with the entry's name.
package dirfd

import (
	"io/fs"
	"iter"

	"golang.org/x/sys/unix"
)

const openFlags = unix.O_CLOEXEC | unix.O_NOFOLLOW

// Dir is an open directory. Its methods are safe for concurrent use, except
// Close.
type Dir struct{ fd int }

// Open opens a directory by its path, following links in it.
func Open(path string) (*Dir, error) {
	fd, err := openat(unix.AT_FDCWD, path, unix.O_CLOEXEC|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return &Dir{fd}, nil
}

// OpenDir opens a directory of d.
func (d *Dir) OpenDir(name string) (*Dir, error) {
	fd, err := openat(d.fd, name, openFlags|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return &Dir{fd}, nil
}

// OpenFile opens or, with O_CREAT, makes a file of d. It never waits, as
// opening a pipe would; what was opened need not be a regular file.
func (d *Dir) OpenFile(name string, flags int, mode uint32) (*File, error) {
	fd, err := openat(d.fd, name, openFlags|unix.O_NONBLOCK|flags, mode)
	if err != nil {
		return nil, err
	}
	return &File{fd, name}, nil
}

// Close closes d.
func (d *Dir) Close() error { return pathError("close", ".", unix.Close(d.fd)) }

// Stat describes d itself.
func (d *Dir) Stat() (Info, error) { return fstat(d.fd, ".") }

// Lstat describes an entry of d.
func (d *Dir) Lstat(name string) (Info, error) {
	var st unix.Stat_t
	err := retry(func() error { return unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	if err != nil {
		return Info{}, pathError("stat", name, err)
	}
	return infoOf(&st), nil
}

// Readlink returns the target of a link of d, up to one byte more than limit.
func (d *Dir) Readlink(name string, limit int) (string, error) {
	buf := make([]byte, limit+1)
	var n int
	err := retry(func() (err error) { n, err = unix.Readlinkat(d.fd, name, buf); return })
	if err != nil {
		return "", pathError("readlink", name, err)
	}
	return string(buf[:n]), nil
}

// Names yields the names in d but "." and "..", in no order. While entries
// come and go a name may be missed or met twice. One loop at a time: they
// share the directory's read position.
func (d *Dir) Names() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if _, err := unix.Seek(d.fd, 0, unix.SEEK_SET); err != nil {
			yield("", pathError("read", ".", err))
			return
		}
		buf := make([]byte, 16<<10)
		var names []string
		for {
			var n int
			err := retry(func() (err error) { n, err = unix.ReadDirent(d.fd, buf); return })
			if err != nil {
				yield("", pathError("read", ".", err))
				return
			}
			if n <= 0 {
				return
			}
			_, _, names = unix.ParseDirent(buf[:n], -1, names[:0])
			for _, name := range names {
				if !yield(name, nil) {
					return
				}
			}
		}
	}
}

// Mkdir makes a directory.
func (d *Dir) Mkdir(name string, mode uint32) error {
	return pathError("mkdir", name, retry(func() error { return unix.Mkdirat(d.fd, name, mode) }))
}

// Symlink makes a link.
func (d *Dir) Symlink(target, name string) error {
	return pathError("symlink", name, retry(func() error { return unix.Symlinkat(target, d.fd, name) }))
}

// Link makes name in the directory to another name of the file or link that d
// has under from, on the same file system. It does not follow links.
func (d *Dir) Link(from string, to *Dir, name string) error {
	return pathError("link", name, retry(func() error { return unix.Linkat(d.fd, from, to.fd, name, 0) }))
}

// Rename gives an entry another name in the same directory, replacing a file
// or link that has it.
func (d *Dir) Rename(from, to string) error {
	return pathError("rename", to, retry(func() error { return unix.Renameat(d.fd, from, d.fd, to) }))
}

// RenameNew is Rename, but fails with fs.ErrExist if anything has that name.
func (d *Dir) RenameNew(from, to string) error {
	return pathError("rename", to, retry(func() error { return renameNew(d.fd, from, to) }))
}

// Remove removes a file, link or the like.
func (d *Dir) Remove(name string) error {
	return pathError("remove", name, retry(func() error { return unix.Unlinkat(d.fd, name, 0) }))
}

// RemoveDir removes an empty directory.
func (d *Dir) RemoveDir(name string) error {
	return pathError("remove", name, retry(func() error { return unix.Unlinkat(d.fd, name, unix.AT_REMOVEDIR) }))
}

// Sync makes the directory's entries durable.
func (d *Dir) Sync() error {
	return pathError("sync", ".", retry(func() error { return unix.Fsync(d.fd) }))
}

// renameAbsent looks before it renames, where the system cannot do both at
// once.
func renameAbsent(dir int, from, to string) error {
	var st unix.Stat_t
	switch err := unix.Fstatat(dir, to, &st, unix.AT_SYMLINK_NOFOLLOW); err {
	case nil:
		return unix.EEXIST
	case unix.ENOENT:
		return unix.Renameat(dir, from, dir, to)
	default:
		return err
	}
}

func openat(dir int, name string, flags int, mode uint32) (fd int, err error) {
	err = retry(func() (err error) { fd, err = unix.Openat(dir, name, flags, mode); return })
	return fd, pathError("open", name, err)
}

// retry calls f again while a signal interrupts it.
func retry(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}

func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}
