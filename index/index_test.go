package index

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
)

func TestAnIndexIsOpenOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "on", "demand")
	db := open(t, dir)
	link := filepath.Join(t.TempDir(), "link")
	check(t, os.Symlink(dir, link))
	for _, name := range []string{dir, link, dir + "/../demand/"} {
		if again, err := Open(name, Options{}); !errors.Is(err, ErrBusy) {
			t.Errorf("%s once more: %v, %v", name, again, err)
		}
	}
	elsewhere := func() string {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), openEnv+"="+dir)
		out, err := cmd.CombinedOutput()
		check(t, err)
		return strings.TrimSpace(string(out))
	}
	if got := elsewhere(); !strings.HasPrefix(got, ErrBusy.Error()) {
		t.Errorf("another process is told %q", got)
	}
	add(t, db, packOf(1, data(idOf(1, 0), 10)))
	check(t, db.Close())
	if got := elsewhere(); got != "<nil>" {
		t.Errorf("after Close another process is told %q", got)
	}
	db = open(t, dir)
	wantRefs(t, db, map[chunker.ID]uint32{idOf(1, 0): 0}) // still there
	check(t, db.Close())
}

func TestADirectoryThatCannotBeIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(file, nil, 0o666))
	if _, err := Open(filepath.Join(file, "index"), Options{}); err == nil || errors.Is(err, ErrBusy) {
		t.Fatal(err)
	}
}

func TestReadersWorkBesideTheWriter(t *testing.T) {
	db := newDB(t)
	const packs = 40
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				// A batch is seen whole: its pack, its chunk, its totals.
				last := -1
				err := db.Packs(0, func(n uint32, p Pack) error {
					last = int(n)
					return nil
				})
				if err == nil && last >= 0 {
					var ok bool
					if _, ok, err = db.Lookup(idOf(uint32(last), 0)); err == nil && !ok {
						err = errors.New("a pack without its chunk")
					}
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range packs {
		add(t, db, packOf(byte(i), data(idOf(uint32(i), 0), 10)))
	}
	close(done)
	wg.Wait()
}
