package engine_test

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/artifortress/afs-engine/engine"
)

// A version is a file system as the standard library wants it: fstest.TestFS
// reads everything in every way, and compares.
func TestAVersionIsAFileSystem(t *testing.T) {
	w := newWorld(t)
	content := files{
		"README": "read me", "empty": "", "bin/tool": randomBytes(1, 300_000), "bin/deep/er/still": "x",
		"zeros": string(make([]byte, 1<<20)), "src/" + strings.Repeat("n", 200): "long",
	}
	for i := range 300 {
		content["many/"+string(rune('a'+i%26))+strings.Repeat("i", i/26)] = randomBytes(uint64(i), 10)
	}
	w.ingest("x/y@1", content)
	v, err := w.Version(t.Context(), mustRef(t, "x/y@1"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range content {
		names = append(names, name)
	}
	if err := fstest.TestFS(v.FS(t.Context()), names...); err != nil {
		t.Fatal(err)
	}
}

// What is open can be read from anywhere, and like a stream.
func TestOpenFilesSeekAndReadAnywhere(t *testing.T) {
	w := newWorld(t)
	want := randomBytes(7, 300_000)
	w.ingest("x/y@1", files{"f": want})
	v, err := w.Version(t.Context(), mustRef(t, "x/y@1"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := v.FS(t.Context()).Open("f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at, seek := f.(io.ReaderAt), f.(io.Seeker)
	for _, off := range []int64{0, 1, 8191, 150_000, int64(len(want)) - 5} {
		b := make([]byte, 5)
		if n, err := at.ReadAt(b, off); n != 5 || err != nil || string(b) != string(want[off:off+5]) {
			t.Errorf("at %d: %d bytes, %v", off, n, err)
		}
		if _, err := seek.Seek(off, io.SeekStart); err != nil {
			t.Error(err)
		}
		if rest, err := io.ReadAll(f); err != nil || string(rest) != string(want[off:]) {
			t.Errorf("from %d: %d bytes, %v", off, len(rest), err)
		}
	}
	if n, err := at.ReadAt(make([]byte, 10), int64(len(want))-5); n != 5 || !errors.Is(err, io.EOF) {
		t.Errorf("over the end: %d bytes, %v", n, err)
	}
	var _ engine.Engine = w.Local
	var _ fs.ReadFileFS = v.FS(t.Context()).(fs.ReadFileFS)
}
