package localfs

import (
	"errors"
	"io/fs"
	"testing"
)

// farDisk is a disk of some type.
type farDisk struct {
	osDisk
	kind string
	err  error
}

func (d farDisk) Type(string) (string, error) { return d.kind, d.err }

func TestNetworkFileSystemsAreRefused(t *testing.T) {
	for kind, refused := range map[string]bool{
		"nfs": true, "cifs": true, "9p": true, "fuse.sshfs": true, "": false, "ext4": false, "fuse.afs-test": false, "fuse": false,
	} {
		d := farDisk{kind: kind}
		if err := create(t.TempDir(), d); errors.Is(err, ErrRemote) != refused || !refused && err != nil {
			t.Errorf("create on %q: %v", kind, err)
		}
		if _, err := open(t.TempDir(), Options{}, d); errors.Is(err, ErrRemote) != refused || !refused && err != nil {
			t.Errorf("open on %q: %v", kind, err)
		}
	}
	if _, err := open(t.TempDir(), Options{}, farDisk{err: fs.ErrPermission}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a file system of which nobody can say what it is: %v", err)
	}
}

func TestThisMachinesDiskIsNotRemote(t *testing.T) {
	if kind, err := (osDisk{}).Type(t.TempDir()); err != nil || kind != "" {
		t.Errorf("%q, %v", kind, err)
	}
}
