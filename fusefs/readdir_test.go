package fusefs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/artifortress/afs-engine/engine/registry"
)

// dirent is what getdents64(2) tells of a name.
type dirent struct {
	name string
	ino  uint64
	off  int64 // where the next name is
	kind byte
}

// getdents reads names from an open directory into a buffer of size bytes.
func getdents(t *testing.T, fd, size int) (all []dirent) {
	t.Helper()
	b := make([]byte, size)
	n, err := unix.Getdents(fd, b)
	if err != nil {
		t.Fatal(err)
	}
	for b = b[:n]; len(b) > 0; {
		length := binary.NativeEndian.Uint16(b[16:])
		name := b[19:length]
		all = append(all, dirent{
			name: string(name[:slices.Index(name, 0)]),
			ino:  binary.NativeEndian.Uint64(b),
			off:  int64(binary.NativeEndian.Uint64(b[8:])),
			kind: b[18],
		})
		b = b[length:]
	}
	return all
}

func openDir(t *testing.T, path string) int {
	t.Helper()
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func seek(t *testing.T, fd int, off int64) {
	t.Helper()
	if _, err := unix.Seek(fd, off, unix.SEEK_SET); err != nil {
		t.Fatal(err)
	}
}

// checkListing reads a directory in several ways, each of which must show
// every name once, in order.
func checkListing(t *testing.T, path string, names []string, kind byte) {
	t.Helper()
	read := func(fd, size int) (all []dirent) {
		for {
			some := getdents(t, fd, size)
			if len(some) == 0 {
				return all
			}
			all = append(all, some...)
		}
	}
	fd := openDir(t, path)
	first := read(fd, 64<<10)
	want := append([]string{".", ".."}, names...)
	if len(first) != len(want) {
		t.Fatalf("%s lists %d names, want %d", path, len(first), len(want))
	}
	for i, d := range first {
		if d.name != want[i] {
			t.Fatalf("%s: name %d is %q, want %q", path, i, d.name, want[i])
		}
		if i >= dots && d.kind != kind {
			t.Fatalf("%s/%s is listed as type %d", path, d.name, d.kind)
		}
		if i%997 < 3 {
			var st syscall.Stat_t
			if err := syscall.Lstat(path+"/"+d.name, &st); err != nil || st.Ino != d.ino {
				t.Errorf("%s/%s is listed with number %d and has %d, %v", path, d.name, d.ino, st.Ino, err)
			}
		}
	}
	seek(t, fd, 0)
	if again := read(fd, 64<<10); !slices.Equal(again, first) {
		t.Errorf("%s: other names after a rewind", path)
	}
	small := openDir(t, path)
	if again := read(small, 400); !slices.Equal(again, first) {
		t.Errorf("%s: other names with a small buffer", path)
	}
	for _, i := range []int{len(first) / 2, 5, len(first) - 2, 1, 2, 3, len(first) - 1} {
		seek(t, small, first[i].off)
		var want []dirent
		if i+1 < len(first) {
			want = first[i+1:]
		}
		got := getdents(t, small, 400)
		if len(got) == 0 != (len(want) == 0) || !slices.Equal(got, want[:min(len(got), len(want))]) {
			t.Fatalf("%s: behind name %d comes %v", path, i, got)
		}
	}
}

func TestLargeDirectoryIsListedWhole(t *testing.T) {
	f, tree := newFake(), dir(map[string]*thing{})
	names := make([]string, 0, 20_000)
	for i := range cap(names) {
		name := fmt.Sprintf("file-%05d", i)
		names = append(names, name)
		tree.children[name] = file(0o644, "")
	}
	f.publish(t, someRef, tree)
	checkListing(t, filepath.Join(mountFake(t, f, Options{}), someRef), names, unix.DT_REG)
}

func TestLargeGroupIsListedWhole(t *testing.T) {
	f := newFake()
	names := make([]string, 0, 500)
	f.publish(t, someRef, dir(nil))
	for i := range cap(names) {
		v := f.versions[someRef]
		v.Ref.Version = fmt.Sprintf("2.%04d", i)
		f.versions[v.Ref.String()] = v
		names = append(names, filepath.Base(v.Ref.String()))
	}
	delete(f.versions, someRef)
	checkListing(t, filepath.Join(mountFake(t, f, Options{}), "go"), names, unix.DT_DIR)
}

// sequence lists n numbers as names.
func sequence(n int) func(string) iter.Seq2[listed, error] {
	return func(after string) iter.Seq2[listed, error] {
		return func(yield func(listed, error) bool) {
			for i := range n {
				name := fmt.Sprintf("%08d", i)
				if name > after && !yield(listed{name: name, ino: uint64(i + 10)}, nil) {
					return
				}
			}
		}
	}
}

func TestSeekingGoesToAnyOffset(t *testing.T) {
	const n = 5000
	h := &dirHandle{list: sequence(n)}
	defer h.Releasedir(t.Context(), 0)
	for _, off := range []uint64{0, 1, 2, 3, 4000, 10, n + dots - 1, n + dots, n + 1000, 2, 0} {
		if errno := h.Seekdir(t.Context(), off); errno != 0 {
			t.Fatal(errno)
		}
		e, errno := h.Readdirent(t.Context())
		switch {
		case errno != 0:
			t.Fatal(errno)
		case off >= n+dots:
			if e != nil {
				t.Errorf("at %d behind the end is %v", off, e)
			}
		case e.Off != off+1, off >= dots && e.Name != fmt.Sprintf("%08d", off-dots):
			t.Errorf("at %d is %v", off, e)
		}
	}
}

func TestListingGoesOnAfterAFailure(t *testing.T) {
	broken := errors.New("broken")
	failures := 0
	h := &dirHandle{
		failed: func(error) syscall.Errno { return syscall.EIO },
		list: func(after string) iter.Seq2[listed, error] {
			return func(yield func(listed, error) bool) {
				for l := range sequence(100)(after) {
					if l.name == "00000050" && failures < 2 {
						failures++
						yield(listed{}, broken)
						return
					}
					if !yield(l, nil) {
						return
					}
				}
			}
		},
	}
	var names []string
	errs := 0
	for {
		e, errno := h.Readdirent(t.Context())
		if errno != 0 {
			errs++
			continue
		}
		if e == nil {
			break
		}
		names = append(names, e.Name)
	}
	if len(names) != 100+dots || !slices.IsSorted(names) || errs != 2 {
		t.Errorf("%d names, %d errors", len(names), errs)
	}
}

// A listing is read through go-fuse as the kernel would, without a mount.
func TestAttributesAreSentToThoseWhoWantThem(t *testing.T) {
	const n = 3 * attrWindow
	f, tree := newFake(), dir(map[string]*thing{})
	for i := range n {
		tree.children[fmt.Sprintf("%08d", i)] = file(0o644, "")
	}
	f.publish(t, someRef, tree)
	ref, err := registry.ParseRef(someRef)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		looksUp bool
		want    int
	}{
		"names alone":                {false, attrWindow},
		"names that are stat'ed too": {true, n - attrWindow},
	} {
		t.Run(name, func(t *testing.T) {
			root, err := newView(t.Context(), f, Options{Ref: &ref}.withDefaults()).root()
			if err != nil {
				t.Fatal(err)
			}
			raw := fs.NewNodeFS(root, &fs.Options{RootStableAttr: &fs.StableAttr{Ino: rootIno}})
			header := fuse.InHeader{NodeId: rootIno}
			var open fuse.OpenOut
			if status := raw.OpenDir(nil, &fuse.OpenIn{InHeader: header}, &open); !status.Ok() {
				t.Fatal(status)
			}
			sent, listed, off := 0, 0, uint64(0)
			for {
				list := fuse.NewDirEntryList(make([]byte, 4096), off)
				in := &fuse.ReadIn{InHeader: header, Fh: open.Fh, Offset: off, Size: 4096}
				if status := raw.ReadDirPlus(nil, in, list); !status.Ok() {
					t.Fatal(status)
				}
				names, attrs, err := fuse.ParseDirLookupEntries(list.Bytes())
				if err != nil {
					t.Fatal(err)
				}
				if len(names) == 0 {
					break
				}
				for i, a := range attrs {
					off = names[i].Off
					if names[i].Name == "." || names[i].Name == ".." {
						continue
					}
					listed++
					if a.NodeId != 0 {
						sent++
						if a.Attr.Ino != names[i].Ino {
							t.Fatalf("%s: numbers %d and %d", names[i].Name, a.Attr.Ino, names[i].Ino)
						}
					} else if test.looksUp {
						var out fuse.EntryOut
						if status := raw.Lookup(nil, &header, names[i].Name, &out); !status.Ok() {
							t.Fatal(status)
						}
					}
				}
			}
			if listed != n || sent != test.want {
				t.Errorf("%d names, attributes of %d; want %d and %d", listed, sent, n, test.want)
			}
		})
	}
}
