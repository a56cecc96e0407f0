//go:build unix && !linux

package dirfd

import "golang.org/x/sys/unix"

func getXattrs(int, string, func(string) bool) ([]Xattr, error) { return nil, nil }

func setXattr(_ int, name string, x Xattr) error {
	return pathError("set extended attribute "+x.Name+" of", name, unix.ENOTSUP)
}
