//go:build unix && !linux

package source

import (
	"os"
	"testing"
)

// dropPrivileges can only be done for a whole process on this system.
func dropPrivileges(t *testing.T, root string) (restore func()) {
	if os.Geteuid() == 0 {
		t.Skip("root can read everything")
	}
	return func() {}
}
