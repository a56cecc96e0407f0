package localfs

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

func (osDisk) Rename(old, new string) error {
	if err := unix.Renameat2(unix.AT_FDCWD, old, unix.AT_FDCWD, new, unix.RENAME_NOREPLACE); err != nil {
		return &os.LinkError{Op: "rename", Old: old, New: new, Err: err}
	}
	return nil
}

// Flush is sync_file_range(2), which waits only if the disk has more to do than it
// can remember. What cannot be written, Sync reports.
func (f osFile) Flush(off, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE)
}

// magics are the types of network file systems in the kernel (linux/magic.h,
// statfs(2)).
var magics = map[int64]string{
	unix.NFS_SUPER_MAGIC: "nfs", unix.SMB_SUPER_MAGIC: "smbfs", unix.CIFS_SUPER_MAGIC: "cifs", unix.SMB2_SUPER_MAGIC: "smb3",
	unix.V9FS_MAGIC: "9p", unix.CEPH_SUPER_MAGIC: "ceph", unix.AFS_SUPER_MAGIC: "afs", unix.AFS_FS_MAGIC: "afs", unix.CODA_SUPER_MAGIC: "coda",
	unix.OCFS2_SUPER_MAGIC: "ocfs2", 0x0bd00bd0: "lustre", 0x01161970: "gfs2", 0x47504653: "gpfs",
}

// Type asks the kernel; of a FUSE file system only the table of mounts knows
// more.
func (osDisk) Type(path string) (string, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return "", &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	if int64(fs.Type) != unix.FUSE_SUPER_MAGIC {
		return magics[int64(uint32(fs.Type))], nil
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", &os.PathError{Op: "stat", Path: path, Err: err}
	}
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", nil // no harm: then it is like any other
	}
	return typeOf(fmt.Sprintf("%d:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev))), string(b)), nil
}

// typeOf finds the type of a device in a mountinfo (proc_pid_mountinfo(5)).
func typeOf(device, mounts string) string {
	for line := range strings.Lines(mounts) {
		left, right, _ := strings.Cut(line, " - ")
		if f := strings.Fields(left); len(f) > 2 && f[2] == device {
			if g := strings.Fields(right); len(g) > 0 {
				return g[0]
			}
		}
	}
	return ""
}
