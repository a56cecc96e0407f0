package manifest

import (
	"fmt"
	"strings"

	"github.com/artifortress/afs-engine/packfile/wire"
)

// Portable reports whether the attribute means the same on every machine:
// user.* and security.capability. Others are not taken in, nor ever set.
func (x Xattr) Portable() bool {
	return x.Name == "security.capability" || strings.HasPrefix(x.Name, "user.")
}

// CheckXattrs returns ErrEntry, wrapped with the reason, for extended
// attributes that no entry can hold.
func CheckXattrs(xs []Xattr) error {
	size := 0
	for i, x := range xs {
		switch {
		case !validXattrName(x.Name):
			return fmt.Errorf("%w: an extended attribute called %q", ErrEntry, x.Name)
		case i > 0 && x.Name <= xs[i-1].Name:
			return fmt.Errorf("%w: extended attribute %q after %q", ErrEntry, x.Name, xs[i-1].Name)
		}
		size += len(x.Name) + len(x.Value)
	}
	if size > XattrsMax || len(appendXattrs(nil, xs)) > XattrsMax {
		return fmt.Errorf("%w: extended attributes of more than %d bytes", ErrEntry, XattrsMax)
	}
	return nil
}

func validXattrName(name string) bool {
	return len(name) > 0 && len(name) <= NameMax && strings.IndexByte(name, 0) < 0
}

func appendXattrs(dst []byte, xs []Xattr) []byte {
	for _, x := range xs {
		dst = wire.AppendCounted(wire.AppendCounted(dst, x.Name), x.Value)
	}
	return dst
}

// readXattr decodes the next attribute.
func readXattr(r *wire.Reader) (name, value []byte) {
	return r.Counted(NameMax), r.Counted(XattrsMax)
}

// checkXattrs holds encoded attributes to what CheckXattrs admits, and reports
// to v.
func checkXattrs(b []byte, v *wire.Reader) {
	if len(b) == 0 || len(b) > XattrsMax {
		v.Failf("extended attributes of %d bytes, want 1 to %d", len(b), XattrsMax)
		return
	}
	r := wire.NewReader(b)
	last := ""
	for r.Len() > 0 && r.Err() == nil {
		b, _ := readXattr(r)
		name := string(b)
		if !validXattrName(name) || name <= last {
			r.Failf("extended attribute %q after %q", name, last)
		}
		last = name
	}
	if err := r.Err(); err != nil {
		v.Failf("%v", err)
	}
}

// xattrs copies checked attributes out of a node; none is nil.
func xattrs(b []byte) (xs []Xattr) {
	for r := wire.NewReader(b); r.Len() > 0; {
		name, value := readXattr(r)
		xs = append(xs, Xattr{string(name), string(value)})
	}
	return xs
}
