package fusefs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/registry"
)

func TestOneDirectoryAloneAsRoot(t *testing.T) {
	f, want := newFake(), someTree()
	f.publish(t, someRef, want)
	f.tag("go/toolchain@latest", someRef)
	refs := map[string]*thing{
		someRef:                   want,
		"go/toolchain@latest":     want,
		"go/toolchain@latest:bin": want.children["bin"],
	}
	for s, want := range refs {
		ref, err := registry.ParseRef(s)
		if err != nil {
			t.Fatal(err)
		}
		at := mountFake(t, f, Options{Ref: &ref})
		check(t, at, want)
		if v, err := getxattr(at, xattrVersion); v != someRef || err != nil {
			t.Errorf("%s is version %q, %v", s, v, err)
		}
	}
}

func TestMountRefusesWhatIsNoDirectoryOfAVersion(t *testing.T) {
	f := newFake()
	f.publish(t, someRef, someTree())
	f.add(t, "go/toolchain@draft", someTree(), registry.Draft)
	for s, want := range map[string]error{
		"go/toolchain@2":         registry.ErrNotFound,
		"go/toolchain@draft":     registry.ErrNotFound,
		someRef + ":short":       syscall.ENOTDIR,
		someRef + ":bin/nothing": os.ErrNotExist,
	} {
		ref, err := registry.ParseRef(s)
		if err != nil {
			t.Fatal(err)
		}
		refuse(t, t.TempDir(), f, Options{Ref: &ref}, want)
	}
}

// lockedBuffer is written by a server while a test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestDamageIsAnErrorThatIsLogged(t *testing.T) {
	f := newFake()
	f.publish(t, someRef, someTree())
	var log lockedBuffer
	at := filepath.Join(mountFake(t, f, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}), someRef)
	if _, err := os.Stat(at + "/bin"); err != nil {
		t.Fatal(err)
	}
	for _, broken := range []struct {
		kind chunker.Kind
		name string
	}{
		{chunker.Data, "inline"},
		{chunker.ListNode, "large"},
		{chunker.DirNode, "bin/tool"},
	} {
		f.store.lose(broken.kind)
		if _, err := os.ReadFile(filepath.Join(at, broken.name)); !errors.Is(err, syscall.EIO) {
			t.Errorf("without %ss, %s: %v, want EIO", broken.kind, broken.name, err)
		}
	}
	if _, err := os.ReadDir(filepath.Join(at, "bin")); !errors.Is(err, syscall.EIO) {
		t.Errorf("list: %v, want EIO", err)
	}
	if got := log.String(); !strings.Contains(got, "path="+someRef+":inline") || !strings.Contains(got, "path="+someRef+":bin") {
		t.Errorf("the log does not name what is damaged:\n%s", got)
	}
}

// Requests are made through go-fuse as the kernel would, without a mount.
func TestInterruptsAreNotObeyed(t *testing.T) {
	f := newFake()
	f.publish(t, someRef, someTree())
	ref, err := registry.ParseRef(someRef)
	if err != nil {
		t.Fatal(err)
	}
	root, err := newView(t.Context(), f, Options{Ref: &ref}.withDefaults()).root()
	if err != nil {
		t.Fatal(err)
	}
	raw := gofs.NewNodeFS(root, &gofs.Options{RootStableAttr: &gofs.StableAttr{Ino: rootIno}})
	interrupted := make(chan struct{})
	close(interrupted)

	top := fuse.InHeader{NodeId: rootIno}
	var entry fuse.EntryOut
	if status := raw.Lookup(interrupted, &top, "short", &entry); !status.Ok() {
		t.Fatal(status)
	}
	file := fuse.InHeader{NodeId: entry.NodeId}
	var open fuse.OpenOut
	if status := raw.Open(interrupted, &fuse.OpenIn{InHeader: file}, &open); !status.Ok() {
		t.Fatal(status)
	}
	b := make([]byte, 100)
	read, status := raw.Read(interrupted, &fuse.ReadIn{InHeader: file, Fh: open.Fh, Size: uint32(len(b))}, b)
	if !status.Ok() || read.Size() != len("hello\n") {
		t.Errorf("read: %v", status)
	}
	if status := raw.OpenDir(interrupted, &fuse.OpenIn{InHeader: top}, &open); !status.Ok() {
		t.Fatal(status)
	}
	names := fuse.NewDirEntryList(make([]byte, 4096), 0)
	status = raw.ReadDir(interrupted, &fuse.ReadIn{InHeader: top, Fh: open.Fh, Size: 4096}, names)
	if got, err := fuse.ParseDirEntries(names.Bytes()); !status.Ok() || err != nil || len(got) != len(someTree().children)+dots {
		t.Errorf("list: %v, %d names, %v", status, len(got), err)
	}
}

func TestLogLimit(t *testing.T) {
	now := someTime
	l := logLimit{now: func() time.Time { return now }}
	written := 0
	for range logLines + 5 {
		if _, ok := l.allow(); ok {
			written++
		}
	}
	if written != logLines {
		t.Errorf("%d lines written in a window, want %d", written, logLines)
	}
	now = now.Add(logWindow)
	if suppressed, ok := l.allow(); !ok || suppressed != 5 {
		t.Errorf("in the next window: %v, %d suppressed", ok, suppressed)
	}
}

func TestStatfsTellsWhatTheStoreHolds(t *testing.T) {
	f := newFake()
	f.publish(t, someRef, someTree())
	at := mountFake(t, f, Options{StoreName: "store, of a kind", Stat: func(context.Context) (int64, int64, error) {
		return 10*blockSize + 1, 77, nil
	}})
	for _, path := range []string{at, at + "/" + someRef, at + "/" + someRef + "/short"} {
		var st syscall.Statfs_t
		if err := syscall.Statfs(path, &st); err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(st.Blocks, st.Bfree, st.Bavail, st.Files, st.Ffree, st.Bsize, st.Namelen, st.Flags&syscall.MS_RDONLY)
		if want := fmt.Sprint(11, 0, 0, 77, 0, blockSize, 255, 1); got != want {
			t.Errorf("statfs %s: %s, want %s", path, got, want)
		}
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if want := at + " ro,"; !strings.Contains(string(table), want) || !strings.Contains(string(table), `- fuse.afs store,\040of\040a\040kind ro,`) {
		t.Errorf("mount table:\n%s", table)
	}
}
