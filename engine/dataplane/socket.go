package dataplane

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/artifortress/afs-engine/index"
)

// addressMax is how long the path of a socket may be (sun_path, less a NUL).
const addressMax = 107

// owner is what an index.OwnerFile holds: where the process that has the index
// listens. It is a hint that outlives its writer, and no more.
type owner struct {
	PID    int    `json:"pid"`
	Socket string `json:"socket"`
}

// Listen makes the socket of the store id, whose index is in indexDir and
// locked by the caller, and notes in indexDir where it is. runtimeDir is made if
// it is not there, for this user alone.
func Listen(runtimeDir, indexDir, id string) (*net.UnixListener, error) {
	if err := privateDir(runtimeDir); err != nil {
		return nil, fmt.Errorf("make a place for the socket: %w", err)
	}
	// A store may be open several times: a user who can only read it has an index
	// of it in a cache. The process's number is for sweep.
	path := filepath.Join(runtimeDir, fmt.Sprintf("%s-%d-%04x.sock", id, os.Getpid(), rand.N(1<<16)))
	if len(path) > addressMax {
		return nil, fmt.Errorf("the path of the socket is too long: %s", path)
	}
	sweep(runtimeDir, id)
	lis, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := announce(indexDir, path); err != nil {
		return nil, errors.Join(err, lis.Close())
	}
	return lis, nil
}

// sweep removes the sockets of id that dead processes have left.
func sweep(dir, id string) {
	names, err := filepath.Glob(filepath.Join(dir, id+"-*.sock"))
	if err != nil {
		return
	}
	for _, name := range names {
		var pid int
		_, rest, _ := strings.Cut(filepath.Base(name), "-")
		if _, err := fmt.Sscanf(rest, "%d-", &pid); err == nil && unix.Kill(pid, 0) == unix.ESRCH {
			_ = os.Remove(name)
		}
	}
}

func announce(indexDir, socket string) error {
	b, err := json.Marshal(owner{os.Getpid(), socket})
	if err != nil {
		return err
	}
	path := filepath.Join(indexDir, index.OwnerFile)
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Withdraw takes back what Listen noted, before the lock is given up.
func Withdraw(indexDir string) { _ = os.Remove(filepath.Join(indexDir, index.OwnerFile)) }

// addressIn says where the owner of the index in dir listens.
func addressIn(dir string) (owner, error) {
	b, err := os.ReadFile(filepath.Join(dir, index.OwnerFile))
	if err != nil {
		return owner{}, err
	}
	var o owner
	if err := json.Unmarshal(b, &o); err != nil {
		return owner{}, fmt.Errorf("%s: %w", index.OwnerFile, err)
	}
	return o, nil
}

// privateDir makes a directory that nobody else can put anything into.
func privateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0 {
		return fmt.Errorf("%s is not a directory of this user alone", dir)
	}
	return nil
}

// peer is the process at the other end.
type peer struct {
	pid int
	uid uint32
}

// trusted reports whether it may do what this process may: the same user, or
// root.
func (p peer) trusted() bool { return p.uid == uint32(os.Geteuid()) || p.uid == 0 }

// twin reports whether it runs this very program, as the same user: then it
// makes packs as this process does. Where that cannot be told it does not. (One
// that lies about it has to be made to by this user, who may as well change the
// store's files.)
func (p peer) twin() bool {
	if p.uid != uint32(os.Geteuid()) || p.pid <= 0 {
		return false
	}
	if self, err := os.Readlink("/proc/self"); err != nil || self != strconv.Itoa(os.Getpid()) {
		return false // another namespace's numbers
	}
	here, err := os.Stat("/proc/self/exe")
	if err != nil {
		return false
	}
	there, err := os.Stat(fmt.Sprintf("/proc/%d/exe", p.pid))
	return err == nil && os.SameFile(here, there)
}

func peerOf(conn *net.UnixConn) (p peer, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return p, err
	}
	cerr := raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			p = peer{int(cred.Pid), cred.Uid}
		}
	})
	return p, errors.Join(err, cerr)
}
