package localfs

import (
	"errors"
	"fmt"
	"slices"
)

// ErrRemote says that a directory is on a network file system. There, a lock
// that a process holds here may not keep others out elsewhere, and a name that
// one has seen may be gone for another.
var ErrRemote = errors.New("a local store cannot be on a network file system")

// remoteTypes are the file systems that other machines may change at the same
// time.
var remoteTypes = []string{
	"9p", "afs", "beegfs", "ceph", "cifs", "coda", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "smb3", "smbfs",
	"fuse.ceph", "fuse.ceph-fuse", "fuse.cephfs", "fuse.curlftpfs", "fuse.davfs", "fuse.gcsfuse", "fuse.glusterfs", "fuse.goofys", "fuse.juicefs",
	"fuse.mfs", "fuse.moosefs", "fuse.rclone", "fuse.s3fs", "fuse.seaweedfs", "fuse.sshfs",
}

// notRemote fails for a directory that is on one of them.
func notRemote(dir string, d disk) error {
	kind, err := d.Type(dir)
	if err != nil {
		return fmt.Errorf("find out what file system %s is on: %w", dir, err)
	}
	if slices.Contains(remoteTypes, kind) {
		return fmt.Errorf("%w: %s is on %s", ErrRemote, dir, kind)
	}
	return nil
}
