package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// hugeVersions is how many versions the package has.
func hugeVersions() int {
	if soaking() {
		return 10_000
	}
	return 300
}

func TestManyVersionsTakeLittleMemory(t *testing.T) {
	m := newMeter(t, "versions")
	n := hugeVersions()
	m.run("ingest", "--batch", versionsBatch(t, n), "--jobs", "16")
	if got, want := m.run("ls", "--drafts", "huge/pkg"), n/draftEvery; got != want {
		t.Errorf("ls lists %d drafts of %d", got, want)
	}
	for i := 0; i < n; i += draftEvery {
		afs(t, m.store, 0, "publish", fmt.Sprintf("huge/pkg@1.0.%d", i))
	}
	if got := m.run("ls", "huge/pkg"); got < n {
		t.Errorf("ls lists %d versions of %d", got, n)
	}
	if got := m.run("log", "huge/pkg"); got < n {
		t.Errorf("log lists %d events of at least %d", got, n)
	}
	m.run("info", fmt.Sprintf("huge/pkg@1.0.%d", n/2))
	m.run("tag", "huge/pkg@1.0.0", "oldest")
	m.run("stats")
	m.run("verify", "--read-data")
	m.run("index", "rebuild")
	m.run("ls", "huge/pkg@oldest") // as an opening after that
	if !canMount(t) {
		return
	}
	mm := m.mount()
	dir := filepath.Join(mm.dir, "huge")
	mm.do("list the package", func() error {
		names, err := os.ReadDir(dir)
		if want := n + 2; err == nil && len(names) != want { // with latest and oldest
			err = fmt.Errorf("%d names, want %d", len(names), want)
		}
		return err
	})
	mm.do("stat every version", func() error {
		for i := range n {
			if _, err := os.Stat(filepath.Join(dir, fmt.Sprintf("pkg@1.0.%d", i))); err != nil {
				return err
			}
		}
		return nil
	})
	mm.do("read a file of some", func() error {
		for i := 0; i < n; i += 50 {
			b, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("pkg@1.0.%d", i), "version.txt"))
			if err != nil || string(b) != versionText(i) {
				return fmt.Errorf("version %d says %q (%v)", i, b, err)
			}
		}
		return nil
	})
	mm.end()
}

// draftEvery is how many versions have one among them that begins as a draft.
const draftEvery = 100

func versionText(i int) string { return fmt.Sprintf("this is version %d\n", i) }

// versionsBatch is a batch of n versions of a package.
func versionsBatch(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "batch")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	for i := range n {
		src := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(src, 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(src, "version.txt"), versionText(i))
		fmt.Fprintf(w, "{\"source\":%q,\"ref\":\"huge/pkg@1.0.%d\",\"draft\":%t}\n", src, i, i%draftEvery == 0)
	}
	expectNone(t, w.Flush())
	expectNone(t, f.Close())
	return path
}
