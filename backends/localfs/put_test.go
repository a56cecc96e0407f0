package localfs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/backends"
)

// recorded returns an empty store whose steps are recorded, and its recorder.
func recorded(t *testing.T) (*Store, *recorder) {
	t.Helper()
	r := &recorder{disk: osDisk{}}
	s := newStoreOn(t, r)
	r.root = s.dir
	return s, r
}

func TestPutSyncsFileThenNameThenDirectory(t *testing.T) {
	s, r := recorded(t)
	mustPut(t, s, "a/b/one", "content")
	r.want(t,
		"create tmp/*: fails", "mkdir tmp", "create tmp/*", "write tmp/*", "sync tmp/*",
		"syncdir ..", "mkdir a", "syncdir .", "mkdir a/b", "syncdir a",
		"link tmp/* a/b/one", "syncdir a/b", "remove tmp/*")

	// What is known to be durable is not synced again.
	mustPut(t, s, "a/b/two", "content")
	r.want(t, "create tmp/*", "write tmp/*", "sync tmp/*", "link tmp/* a/b/two", "syncdir a/b", "remove tmp/*")

	mustPut(t, s, "a/c/three", "")
	r.want(t, "create tmp/*", "sync tmp/*", "mkdir a/c", "syncdir a", "link tmp/* a/c/three", "syncdir a/c", "remove tmp/*")
}

func TestPutSyncsDirectoriesThatAnotherProcessMade(t *testing.T) {
	s, r := recorded(t)
	if err := os.Mkdir(filepath.Join(s.dir, "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, "a/one", "")
	r.want(t,
		"create tmp/*: fails", "mkdir tmp", "create tmp/*", "sync tmp/*",
		"syncdir ..", "mkdir a: fails", "syncdir .", "link tmp/* a/one", "syncdir a", "remove tmp/*")
}

func TestPutOfATakenKeySyncsItsName(t *testing.T) {
	s, r := recorded(t)
	mustPut(t, s, "a/one", "first")
	other, err := open(s.dir, Options{}, r)
	if err != nil {
		t.Fatal(err)
	}
	r.steps = nil
	if err := other.Put(t.Context(), "a/one", strings.NewReader("other")); !errors.Is(err, backends.ErrExist) {
		t.Fatalf("Put gives %v, want ErrExist", err)
	}
	r.want(t,
		"create tmp/*", "write tmp/*", "sync tmp/*",
		"syncdir ..", "mkdir a: fails", "syncdir .", "link tmp/* a/one: fails", "syncdir a", "remove tmp/*")

	// A name that cannot be made durable is not vouched for.
	r.fail = failOn("syncdir a", syscall.EIO)
	if err := other.Put(t.Context(), "a/one", strings.NewReader("other")); !errors.Is(err, syscall.EIO) || errors.Is(err, backends.ErrExist) {
		t.Errorf("Put gives %v, want EIO", err)
	}
}

func TestPutWithoutHardLinksRenames(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EPERM, syscall.EOPNOTSUPP, syscall.ENOSYS} {
		s, r := recorded(t)
		r.fail = failOn("link", errno)
		mustPut(t, s, "a", "first")
		if err := s.Put(t.Context(), "a", strings.NewReader("second")); !errors.Is(err, backends.ErrExist) {
			t.Errorf("%v: Put of a taken key gives %v, want ErrExist", errno, err)
		}
		if b, err := os.ReadFile(s.path("a")); err != nil || string(b) != "first" {
			t.Errorf("%v: the object is %q, %v", errno, b, err)
		}
		wantNoTemp(t, s)

		r.fail = func(step string) error {
			return errors.Join(failOn("link", errno)(step), failOn("rename", syscall.EINVAL)(step))
		}
		err := s.Put(t.Context(), "b", strings.NewReader(""))
		if !errors.Is(err, errno) || !errors.Is(err, syscall.EINVAL) {
			t.Errorf("Put with neither link nor rename gives %v, want both errors", err)
		}
		wantNoTemp(t, s)
	}
}

func TestPutKeepsTheCause(t *testing.T) {
	for _, c := range []struct {
		step string
		err  syscall.Errno
		want error
	}{
		{"write", syscall.ENOSPC, syscall.ENOSPC},
		{"sync tmp", syscall.ENOSPC, syscall.ENOSPC},
		{"sync tmp", syscall.EIO, syscall.EIO},
		{"mkdir dir", syscall.ENOSPC, syscall.ENOSPC},
		{"link", syscall.EDQUOT, syscall.EDQUOT},
		{"syncdir dir", syscall.EIO, syscall.EIO},
		{"create", syscall.EROFS, syscall.EROFS},
		{"create", syscall.EACCES, fs.ErrPermission},
		{"mkdir dir", syscall.EACCES, fs.ErrPermission},
	} {
		s, r := recorded(t)
		r.fail = failOn(c.step, c.err)
		err := s.Put(t.Context(), "dir/a", strings.NewReader("content"))
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), "dir/a") {
			t.Errorf("%s fails with %v: Put gives %v", c.step, c.err, err)
		}
		r.fail = nil
		wantNoTemp(t, s)
		if err := s.Put(t.Context(), "dir/a", strings.NewReader("content")); err != nil && !errors.Is(err, backends.ErrExist) {
			t.Errorf("after %s: Put gives %v", c.step, err)
		}
	}
}

func TestPutIntoAReadOnlyDirectory(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "a", strings.NewReader("")); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Put gives %v, want fs.ErrPermission", err)
	}
}

func TestPutMakesADirectoryAgainThatSomebodyRemoved(t *testing.T) {
	s := newStore(t)
	for range 2 {
		mustPut(t, s, "a/b/object", "content")
		if err := os.RemoveAll(s.path("a")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPutWhoseTemporaryFileIsSweptIsNoMissingObject(t *testing.T) {
	s, r := recorded(t)
	r.fail = func(step string) error {
		if strings.HasPrefix(step, "link") {
			if _, err := s.Sweep(-1 << 40); err != nil {
				return err
			}
		}
		return nil
	}
	err := s.Put(t.Context(), "a", strings.NewReader("content"))
	if !errors.Is(err, backends.ErrUnavailable) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Put gives %v, want ErrUnavailable", err)
	}
}

func TestPutOfABodyThatIsShorterThanItSeemed(t *testing.T) {
	s := newStore(t)
	if err := s.Put(t.Context(), "a", shrinking{strings.NewReader("content")}); err == nil {
		t.Error("Put gives no error")
	}
	if _, err := s.Stat(t.Context(), "a"); !errors.Is(err, backends.ErrNotExist) {
		t.Errorf("Stat gives %v, want ErrNotExist", err)
	}
}

func TestPutCancelledAfterTheLastByteLeavesNothing(t *testing.T) {
	s := newStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	body := cancelling{strings.NewReader("content"), cancel}
	if err := s.Put(ctx, "a", body); !errors.Is(err, context.Canceled) {
		t.Errorf("Put gives %v, want context.Canceled", err)
	}
	if _, err := s.Stat(t.Context(), "a"); !errors.Is(err, backends.ErrNotExist) {
		t.Errorf("Stat gives %v, want ErrNotExist", err)
	}
	wantNoTemp(t, s)
}

// cancelling cancels when it is read.
type cancelling struct {
	*strings.Reader
	cancel func()
}

func (b cancelling) Read(p []byte) (int, error) {
	b.cancel()
	return b.Reader.Read(p)
}

// shrinking claims a byte more than it has.
type shrinking struct{ *strings.Reader }

func (b shrinking) Seek(off int64, whence int) (int64, error) {
	n, err := b.Reader.Seek(off, whence)
	if n > 0 {
		n++
	}
	return n, err
}

func wantNoTemp(t *testing.T, s *Store) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.dir, tmpDir))
	if len(entries) != 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("temporary files: %v, %v, want none", entries, err)
	}
}

func BenchmarkPut(b *testing.B) {
	s, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	body := strings.NewReader(strings.Repeat("x", 1<<20))
	b.SetBytes(body.Size())
	for b.Loop() {
		if err := s.Put(b.Context(), "dir/object", body); err != nil {
			b.Fatal(err)
		}
		if err := s.Delete(b.Context(), "dir/object"); err != nil {
			b.Fatal(err)
		}
	}
}

func TestAnUploadIsOnItsWayToTheDiskBeforeItEnds(t *testing.T) {
	s, r := recorded(t)
	u, err := s.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer u.Abort()
	for range 2 * flushEach / (1 << 20) {
		if _, err := u.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := u.Put(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	var flushed []string
	for _, step := range r.steps {
		if strings.HasPrefix(step, "flush") {
			flushed = append(flushed, step)
		}
	}
	if want := []string{"flush tmp/* 0 4194304", "flush tmp/* 4194304 4194304"}; !slices.Equal(flushed, want) {
		t.Errorf("the disk was told %q, want %q", flushed, want)
	}
}

func TestAnUploadThatCouldNotBeWrittenIsNotPut(t *testing.T) {
	s, r := recorded(t)
	u, err := s.Begin(t.Context())
	if err == nil {
		_, err = u.Write([]byte("half"))
	}
	if err != nil {
		t.Fatal(err)
	}
	r.fail = failOn("write", syscall.ENOSPC)
	if _, err := u.Write([]byte("of it")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Write gives %v", err)
	}
	r.fail = nil
	if err := u.Put(t.Context(), "a"); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Put gives %v", err)
	}
	if _, err := s.Stat(t.Context(), "a"); !errors.Is(err, backends.ErrNotExist) {
		t.Errorf("the object: %v, want ErrNotExist", err)
	}
	wantNoTemp(t, s)
}

func TestAnUploadWhoseFileIsGoneIsNotPut(t *testing.T) {
	s := newStore(t)
	u, err := s.Begin(t.Context())
	if err == nil {
		_, err = u.Write([]byte("content"))
	}
	if err == nil {
		_, err = s.sweep(s.now().Add(time.Hour))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Put(t.Context(), "a"); !errors.Is(err, backends.ErrUnavailable) {
		t.Errorf("Put gives %v, want ErrUnavailable", err)
	}
	if _, err := s.Stat(t.Context(), "a"); !errors.Is(err, backends.ErrNotExist) {
		t.Errorf("the object: %v, want ErrNotExist", err)
	}
}
