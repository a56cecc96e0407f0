package dirfd

// Xattr is an extended attribute. Name and Value are bytes.
type Xattr struct{ Name, Value string }

// Xattrs reads the extended attributes whose names wanted takes, in no order.
// A file system without any is no error.
func (f *File) Xattrs(wanted func(name string) bool) ([]Xattr, error) {
	return getXattrs(f.fd, f.name, wanted)
}

// SetXattr sets an extended attribute.
func (f *File) SetXattr(x Xattr) error { return setXattr(f.fd, f.name, x) }

// Xattrs reads the extended attributes of d itself, as those of a File.
func (d *Dir) Xattrs(wanted func(name string) bool) ([]Xattr, error) {
	return getXattrs(d.fd, ".", wanted)
}

// SetXattr sets an extended attribute of d itself.
func (d *Dir) SetXattr(x Xattr) error { return setXattr(d.fd, ".", x) }
