//go:build !linux

package localfs

import (
	"errors"
	"os"
)

func (osDisk) Rename(old, new string) error {
	return &os.LinkError{Op: "rename", Old: old, New: new, Err: errors.ErrUnsupported}
}

// Type is not known here.
func (osDisk) Type(string) (string, error) { return "", nil }

func (osFile) Flush(off, n int64) {}
