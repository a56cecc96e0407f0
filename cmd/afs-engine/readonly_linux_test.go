package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// guest is somebody who may read a store and not write to it.
type guest struct {
	t       *testing.T
	bin     string // the command
	home    string
	user    *syscall.Credential // nil: this user
	store   string
	content string // what x/y@1:d0/f0 holds
}

type answer struct {
	code              int
	stdout, complaint string
}

// run runs the command as the guest.
func (g *guest) run(args ...string) answer {
	cmd := exec.Command(g.bin, append([]string{"--store", g.store}, args...)...)
	cmd.Env = []string{"HOME=" + g.home, "TMPDIR=" + g.home, "PATH=" + os.Getenv("PATH"), "GORACE=" + raceOptions}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: g.user}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // the code says it all
	return answer{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// does is run for what must end with code.
func (g *guest) does(code int, args ...string) (stdout, complaint string) {
	g.t.Helper()
	a := g.run(args...)
	if a.code != code {
		g.t.Fatalf("%v: exit %d, want %d\n%s%s", args, a.code, code, a.stdout, a.complaint)
	}
	return a.stdout, a.complaint
}

// readsAndDoesNotWrite goes through the verbs.
func (g *guest) readsAndDoesNotWrite() {
	t := g.t
	t.Helper()
	const making = "rebuilding it"
	if _, says := g.does(0, "-v", "ls", "a/b"); !strings.Contains(says, making) {
		t.Errorf("no index was made: %q", says)
	}
	out, says := g.does(0, "-v", "cat", "a/b@1:d0/f0")
	if out != g.content || strings.Contains(says, making) {
		t.Errorf("the second time %d bytes, %q", len(out), says)
	}
	dest := filepath.Join(g.home, "dest")
	g.does(0, "restore", "a/b@1", dest)
	g.does(0, "diff", "--exit-code", "a/b@1", dest)
	g.does(0, "verify", "--read-data")
	g.does(0, "stats")
	g.does(0, "index", "rebuild")
	g.does(0, "log", "a/b")
	for _, args := range [][]string{
		{"ingest", dest, "a/b@2"}, {"ingest", "--draft", dest, "a/c@1"}, {"publish", "a/b@1"}, {"tag", "a/b@1", "x"}, {"discard", "a/b@1"},
	} {
		_, complaint := g.does(12, args...)
		if strings.Count(complaint, "\n") != 1 || !strings.Contains(complaint, "can only be read") {
			t.Errorf("%v complains %q", args, complaint)
		}
	}
	if canMount(t) && g.user == nil {
		dir := filepath.Join(g.home, "mnt")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		g.does(0, "mount", "--daemon", dir)
		b, err := os.ReadFile(filepath.Join(dir, "a/b@1/d0/f0"))
		if string(b) != g.content {
			t.Errorf("the mount shows %d bytes (%v)", len(b), err)
		}
		g.does(0, "umount", dir)
		for left := 2000; left > 0 && g.run("ls").code == 11; left-- { // it may take a moment to end
		}
	}
	names, err := os.ReadDir(filepath.Join(g.home, ".cache", "afs-engine"))
	if err != nil || len(names) != 1 {
		t.Errorf("in the cache: %v (%v)", names, err)
	}
}

// newGuest makes a store at dir.
func newGuest(t *testing.T, dir string) *guest {
	t.Helper()
	tree := randomTree(t, 3, 1000)
	afs(t, dir, 0, "ingest", tree, "a/b@1")
	b, err := os.ReadFile(filepath.Join(tree, "d0/f0"))
	if err != nil {
		t.Fatal(err)
	}
	bin, err := exec.LookPath("afs-engine")
	if err != nil {
		t.Fatal(err)
	}
	return &guest{t: t, bin: bin, home: t.TempDir(), store: dir, content: string(b)}
}

func TestAStoreOnAReadOnlyFileSystemCanBeRead(t *testing.T) {
	disk := newSmallDisk(t, 64<<20)
	g := newGuest(t, filepath.Join(disk.dir, "store"))
	remount := func(flags uintptr) {
		t.Helper()
		if err := syscall.Mount("tmpfs", disk.dir, "tmpfs", syscall.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(syscall.MS_RDONLY)
	g.readsAndDoesNotWrite()
	remount(0)
	// What its owner publishes later, the guest's index follows.
	afs(t, g.store, 0, "tag", "a/b@1", "later")
	remount(syscall.MS_RDONLY)
	if out, says := g.does(0, "-v", "cat", "a/b@later:d0/f0"); out != g.content || strings.Contains(says, "rebuilding it") {
		t.Errorf("later: %d bytes, %q", len(out), says)
	}
	remount(0)
	afs(t, g.store, 0, "verify", "--read-data")
}

// nobody is the user id of somebody else.
const nobody = 65534

func TestAStoreOfSomebodyElseCanBeRead(t *testing.T) {
	dir := t.TempDir()
	g := newGuest(t, filepath.Join(dir, "store"))
	if os.Geteuid() == 0 { // whom no permission stops
		g.user = &syscall.Credential{Uid: nobody, Gid: nobody}
		g.bin = filepath.Join(dir, "afs-engine")
		exe, err := os.Executable()
		if err == nil {
			err = copyFile(g.bin, exe)
		}
		if err = errors.Join(err, os.Chown(g.home, nobody, nobody), os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	change := func(dirs, files fs.FileMode) {
		t.Helper()
		err := filepath.WalkDir(g.store, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() {
				return os.Chmod(path, dirs)
			}
			return os.Chmod(path, files)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	change(0o555, 0o444)
	t.Cleanup(func() { change(0o755, 0o644) }) // so that it can be removed
	g.readsAndDoesNotWrite()
}

func copyFile(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o755)
}
