package dirfd

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

func getXattrs(fd int, name string, wanted func(string) bool) (xs []Xattr, err error) {
	list, err := grow(func(b []byte) (int, error) { return unix.Flistxattr(fd, b) })
	if errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, pathError("list extended attributes of", name, err)
	}
	for attr := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		if attr == "" || !wanted(attr) {
			continue
		}
		value, err := grow(func(b []byte) (int, error) { return unix.Fgetxattr(fd, attr, b) })
		if errors.Is(err, unix.ENODATA) {
			continue // gone since it was listed
		}
		if err != nil {
			return nil, pathError("read extended attribute "+attr+" of", name, err)
		}
		xs = append(xs, Xattr{attr, string(value)})
	}
	return xs, nil
}

// grow calls a getter with more and more room. Linux gives neither lists nor
// values above 64 KiB.
func grow(get func([]byte) (int, error)) ([]byte, error) {
	for size := 256; ; size *= 16 {
		b := make([]byte, size)
		var n int
		err := retry(func() (err error) { n, err = get(b); return })
		if errors.Is(err, unix.ERANGE) && size <= 64<<10 {
			continue
		}
		return b[:max(n, 0)], err
	}
}

func setXattr(fd int, name string, x Xattr) error {
	return pathError("set extended attribute "+x.Name+" of", name, retry(func() error {
		return unix.Fsetxattr(fd, x.Name, []byte(x.Value), 0)
	}))
}
