package scratch

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestBehavesLikeAMap runs random operations against a Go map, in memory, on
// disk, and with the move in the middle.
func TestBehavesLikeAMap(t *testing.T) {
	for _, memory := range []int{1 << 20, 0, 20_000} {
		t.Run(fmt.Sprint(memory), func(t *testing.T) {
			m := open(t, memory)
			model := map[string]string{}
			r := rand.New(rand.NewPCG(1, uint64(memory)))
			for range 3000 {
				key := randomKey(r)
				_, had := model[key]
				switch r.IntN(4) {
				case 0, 1:
					value := strings.Repeat("v", r.IntN(40))
					must(t, m.Put([]byte(key), []byte(value)))
					model[key] = value
				case 2:
					isNew, err := m.Add([]byte(key))
					must(t, err)
					if isNew == had {
						t.Fatalf("Add(%q) = %v, the key was there: %v", key, isNew, had)
					}
					if !had {
						model[key] = ""
					}
				default:
					v, ok, err := m.Get([]byte(key))
					must(t, err)
					if ok != had || string(v) != model[key] {
						t.Fatalf("Get(%q) = %q, %v; want %q, %v", key, v, ok, model[key], had)
					}
				}
			}
			for _, prefix := range []string{"", "a", "ab\xff", "\xff", "\xff\xff", "zz"} {
				check(t, m, model, prefix)
			}
			if moved := m.disk != nil; moved != (memory < 1<<20) {
				t.Fatalf("on disk: %v with %d bytes of memory", moved, memory)
			}
		})
	}
}

func TestLoopSeesTheMapAsItWasAtItsBeginning(t *testing.T) {
	for _, memory := range []int{1 << 20, 0} {
		m := open(t, memory)
		must(t, m.Put([]byte("a"), nil))
		n := 0
		for item, err := range m.All(nil) {
			must(t, err)
			must(t, m.Put(append(item.Key, 'x'), nil))
			n++
		}
		if n != 1 {
			t.Errorf("memory %d: the loop met %d entries, want 1", memory, n)
		}
		for range m.All(nil) {
			break // an abandoned loop must leave nothing open
		}
	}
}

func TestPutCopiesWhatItIsGiven(t *testing.T) {
	m := open(t, 1<<20)
	key, value := []byte("key"), []byte("value")
	must(t, m.Put(key, value))
	key[0], value[0] = 'X', 'X'
	if v, ok, _ := m.Get([]byte("key")); !ok || string(v) != "value" {
		t.Fatalf("Get = %q, %v after the caller reused its slices", v, ok)
	}
}

func TestOnlyOneOfManyAddsIsNew(t *testing.T) {
	m := open(t, 500)
	var mu sync.Mutex
	news := 0
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 200 {
				isNew, err := m.Add(fmt.Appendf(nil, "%04d", i))
				if err != nil {
					t.Error(err)
				}
				if isNew {
					mu.Lock()
					news++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if news != 200 {
		t.Fatalf("%d adds were new, want 200", news)
	}
}

// On disk a map gets along with about what it had in memory.
func TestAMapOnDiskKeepsToItsMemory(t *testing.T) {
	for memory, want := range map[int]uint64{0: diskMin, 3 << 20: 3 << 20, 64 << 20: DefaultMemory} {
		if got := diskOptions(nil, memory); got.MemTableSize != want || got.CacheSize != int64(want) {
			t.Errorf("%d bytes: a memtable of %d, a cache of %d, want %d", memory, got.MemTableSize, got.CacheSize, want)
		}
	}
}

func TestCloseRemovesEverything(t *testing.T) {
	dir := t.TempDir()
	m, err := OpenMemory(dir, 0)
	must(t, err)
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Fatal("an empty map is on disk already")
	}
	must(t, m.Put([]byte("k"), []byte("v")))
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Fatalf("%d names in the directory, want 1", len(left))
	}
	must(t, m.Close())
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Fatalf("Close left %v", left)
	}
}

func TestOpenNeedsADirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for _, dir := range []string{file, file + "-none"} {
		if _, err := Open(dir); err == nil {
			t.Errorf("Open(%s) succeeded", dir)
		}
	}
}

// TestFullDiskIsAnError writes more than a few memtables to a disk on which no
// file can be made, or written: it must neither hang nor forget.
func TestFullDiskIsAnError(t *testing.T) {
	for _, full := range []*fullFS{{FS: vfs.Default, create: true}, {FS: vfs.Default}} {
		dir := t.TempDir()
		d, err := openDiskOn(full, dir, DefaultMemory)
		must(t, err)
		m := &Map{dir: dir, disk: d}
		full.full.Store(true)
		value := make([]byte, 1<<20)
		for i := range 64 {
			if err = m.Put([]byte{byte(i)}, value); err != nil {
				break
			}
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("Put on a full disk: %v", err)
		}
		if _, _, err := m.Get([]byte{0}); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Get after it: %v", err)
		}
		for _, err := range m.All(nil) {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("All after it: %v", err)
			}
		}
		must(t, m.Close())
	}
}

// fullFS has no space once full is set.
type fullFS struct {
	vfs.FS
	full   atomic.Bool
	create bool // making a file fails, not writing to it
}

func (fs *fullFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if fs.full.Load() && fs.create {
		return nil, &os.PathError{Op: "create", Path: name, Err: syscall.ENOSPC}
	}
	f, err := fs.FS.Create(name, c)
	return &fullFile{f, fs}, err
}

type fullFile struct {
	vfs.File
	fs *fullFS
}

func (f *fullFile) Write(b []byte) (int, error) {
	if f.fs.full.Load() {
		return 0, syscall.ENOSPC
	}
	return f.File.Write(b)
}

func check(t *testing.T, m *Map, model map[string]string, prefix string) {
	t.Helper()
	var want, got []string
	for _, k := range slices.Sorted(maps.Keys(model)) {
		if strings.HasPrefix(k, prefix) {
			want = append(want, k+"="+model[k])
		}
	}
	for item, err := range m.All([]byte(prefix)) {
		must(t, err)
		got = append(got, string(bytes.Join([][]byte{item.Key, item.Value}, []byte("="))))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("All(%q):\n got %q\nwant %q", prefix, got, want)
	}
}

func randomKey(r *rand.Rand) string {
	const alphabet = "ab\x00\xff"
	b := make([]byte, r.IntN(6))
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

func open(t *testing.T, memory int) *Map {
	t.Helper()
	m, err := OpenMemory(t.TempDir(), memory)
	must(t, err)
	t.Cleanup(func() { must(t, m.Close()) })
	return m
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
