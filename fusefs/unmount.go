package fusefs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// fusermount is the helper that lets users mount and unmount.
const fusermount = "fusermount3"

// Unmount ends the mount at dir, also one that another process serves or has
// left behind dead. ErrNotMounted if there is none of this program's, ErrBusy
// if it is in use.
func Unmount(dir string) error {
	point, err := mountPoint(dir)
	if err != nil {
		return fmt.Errorf("unmount %s: %w", dir, err)
	}
	top, err := topMount(point)
	if err == nil && top.fsType != fsType {
		err = ErrNotMounted
	}
	if err == nil {
		err = unmount(point, false)
	}
	if err != nil {
		return fmt.Errorf("unmount %s: %w", dir, err)
	}
	return nil
}

// unmount takes the topmost mount at dir away; lazily also if it is in use.
func unmount(dir string, lazily bool) error {
	flags := unix.UMOUNT_NOFOLLOW
	if lazily {
		flags |= unix.MNT_DETACH
	}
	switch err := unix.Unmount(dir, flags); err {
	case nil:
		return nil
	case unix.EBUSY:
		return ErrBusy
	case unix.EINVAL:
		return ErrNotMounted
	case unix.EPERM:
		return unmountByHelper(dir, lazily)
	default:
		return os.NewSyscallError("umount", err)
	}
}

// unmountByHelper is unmount for users, who may not do it themselves.
func unmountByHelper(dir string, lazily bool) error {
	args := []string{"-u", "--", dir}
	if lazily {
		args = []string{"-u", "-z", "--", dir}
	}
	out, err := exec.Command(fusermount, args...).CombinedOutput()
	if err == nil {
		return nil
	}
	said := strings.TrimSpace(string(out))
	var exit *exec.ExitError
	switch {
	case !errors.As(err, &exit):
		return err
	case strings.Contains(said, unix.EBUSY.Error()), strings.Contains(strings.ToLower(said), "resource busy"):
		return ErrBusy
	}
	return fmt.Errorf("%s: %s", fusermount, said)
}

// mountEntry is one line of the kernel's table of mounts.
type mountEntry struct {
	dev    string // "major:minor"
	point  string
	fsType string
}

// topMount is the mount that one sees at dir; the zero value if none.
func topMount(dir string) (mountEntry, error) {
	all, err := mountsAt(dir)
	if err != nil || len(all) == 0 {
		return mountEntry{}, err
	}
	return all[len(all)-1], nil
}

// mountsAt lists the mounts at dir, a later one hiding the earlier.
func mountsAt(dir string) ([]mountEntry, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseMounts(f, dir)
}

// parseMounts reads proc_pid_mountinfo(5):
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
//	id parent dev root point options [field…] - type source options
func parseMounts(r io.Reader, dir string) (all []mountEntry, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 6 || len(right) < 1 {
			return nil, fmt.Errorf("read mount table: unexpected line %q", lines.Text())
		}
		if point := unescape(left[4]); point == dir {
			all = append(all, mountEntry{dev: left[2], point: point, fsType: right[0]})
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read mount table: %w", err)
	}
	return all, nil
}

// unescape reverses the kernel's \ooo for space, tab, newline and backslash.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
