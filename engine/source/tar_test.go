package source

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/engine/filter"
)

// entry is one tar entry: "dir/", "link -> target", "hard => target", or
// "name=content".
func archive(t testing.TB, entries ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i, e := range entries {
		h := &tar.Header{Name: e, Typeflag: tar.TypeReg, Mode: 0o644, ModTime: time.Unix(int64(1000+i), 0)}
		body := ""
		if name, target, ok := strings.Cut(e, " -> "); ok {
			h.Typeflag, h.Name, h.Linkname = tar.TypeSymlink, name, target
		} else if name, target, ok := strings.Cut(e, " => "); ok {
			h.Typeflag, h.Name, h.Linkname = tar.TypeLink, name, target
		} else if strings.HasSuffix(e, "/") {
			h.Typeflag, h.Mode = tar.TypeDir, 0o711
		} else {
			h.Name, body, _ = strings.Cut(e, "=")
			h.Size = int64(len(body))
		}
		must(t, w.WriteHeader(h))
		_, err := io.WriteString(w, body)
		must(t, err)
	}
	must(t, w.Close())
	return b.Bytes()
}

func recordTar(t *testing.T, o Options, entries ...string) *recorder {
	t.Helper()
	return record(t, Tar(bytes.NewReader(archive(t, entries...)), o))
}

func TestTarIsShownInOrder(t *testing.T) {
	r := recordTar(t, Options{Epoch: time.Unix(5, 0)}, "b=2", "./", "./a-b=x", "a/", "/a/z=3", "made/up/f=4", "a/l -> ../b", "empty=")
	r.want("a/", "a/l -> ../b", "a/z", "a-b", "b", "empty", "made/", "made/up/", "made/up/f")
	r.wantProblems()
	if r.bodies["a/z"] != "3" || r.bodies["made/up/f"] != "4" || r.bodies["empty"] != "" {
		t.Errorf("contents: %v", r.bodies)
	}
	if a := r.entries[""].Attr; a.Mode != 0o711 || a.MTime.Unix() != 1001 {
		t.Errorf("the root has %o %v", a.Mode, a.MTime)
	}
	if a := r.entries["made"].Attr; a.Mode != 0o755 || a.MTime.Unix() != 5 {
		t.Errorf("a made parent has %o %v", a.Mode, a.MTime)
	}
}

func TestLaterTarEntriesReplaceEarlierOnes(t *testing.T) {
	r := recordTar(t, Options{}, "f=old", "f=new", "d/x=1", "d=file", "e=file", "e/", "e/y=2", "g/", "g/old=1", "g=f", "g/", "g/new=2", "l -> x", "l=file",
		"h/sub=file", "h=f", "h/", "h/sub/deep=3")
	r.want("d", "e/", "e/y", "f", "g/", "g/new", "h/", "h/sub/", "h/sub/deep", "l")
	r.wantProblems()
	if r.bodies["f"] != "new" || r.bodies["d"] != "file" {
		t.Errorf("contents: %v", r.bodies)
	}
}

func TestHardLinksBecomeFiles(t *testing.T) {
	r := recordTar(t, Options{}, "./a/one=body", "two => a/one", "l -> a", "l2 => ./l", "d/", "no => missing", "dir => d", "up => ../x")
	r.want("a/", "a/one", "d/", "l -> a", "l2 -> a", "two")
	r.wantProblems("no: which has not come before", "dir: is a directory", "up: bad name")
	if r.bodies["two"] != "body" || !r.entries["two"].Attr.MTime.Equal(r.entries["a/one"].Attr.MTime) {
		t.Errorf("two is %q %v", r.bodies["two"], r.entries["two"])
	}
}

func TestBadTarEntriesAreProblems(t *testing.T) {
	long := strings.Repeat("n", 256)
	r := recordTar(t, Options{}, "../x=1", "a/../../b=1", "f=1", "f/below=2", "l -> ..", "l/below=3", long+"=1", "ok=1",
		"empty -> ", strings.Repeat("d/", tarDepthMax+1))
	r.want("f", "l -> ..", "ok")
	r.wantProblems("../x: ..", "a/../../b: ..", "f/below: is below f", "l/below: is below l", long+": longer", "empty: bad target",
		strings.Repeat("d/", tarDepthMax+1)+": too many")
}

func TestTarModesTimesAndDevices(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	mtime := time.Date(1960, 1, 1, 0, 0, 0, 5, time.UTC)
	must(t, w.WriteHeader(&tar.Header{Format: tar.FormatPAX, Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x"}}))
	must(t, w.WriteHeader(&tar.Header{Format: tar.FormatPAX, Name: "run", Mode: 0o4711, ModTime: mtime, Uid: 7}))
	must(t, w.WriteHeader(&tar.Header{Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}))
	must(t, w.WriteHeader(&tar.Header{Name: "pipe", Typeflag: tar.TypeFifo}))
	must(t, w.Close())
	r := record(t, Tar(bytes.NewReader(b.Bytes()), Options{}))
	r.want("run")
	r.wantProblems()
	if e := r.entries["run"]; !e.Exec || e.Attr.Mode != 0o711 || !e.Attr.MTime.Equal(mtime) {
		t.Errorf("run is %+v", e)
	}
	if !slices.Equal(r.skipped, []string{"null", "pipe"}) {
		t.Errorf("skipped %q", r.skipped)
	}
}

func TestFilterAppliesToTar(t *testing.T) {
	entries := []string{"src/", "src/a.go=1", "src/b.o=2", "docs/", "docs/x=3", "void/", "void/deep/", "m/n/c.go=4", "h => docs/x"}
	r := recordTar(t, Options{Filter: newFilter(t, filter.Options{Exclude: []string{"*.o", "docs/"}})}, entries...)
	r.want("m/", "m/n/", "m/n/c.go", "src/", "src/a.go", "void/", "void/deep/")
	r.wantProblems("h: left out")

	r = recordTar(t, Options{Filter: newFilter(t, filter.Options{Include: []string{"*.go"}})}, entries...)
	r.want("m/", "m/n/", "m/n/c.go", "src/", "src/a.go")
	r.wantProblems()
	if a := r.entries["src"].Attr; a.Mode != 0o711 {
		t.Errorf("src has mode %o, its entry has 711", a.Mode)
	}
}

// TestCutOffTarIsAnError cuts an archive everywhere.
func TestCutOffTarIsAnError(t *testing.T) {
	whole := archive(t, "zeros="+strings.Repeat("\x00", 700), "b=2")
	end := len(whole) - 1024 // the two blocks of the end mark
	for n := 0; n < len(whole); n += 64 {
		err := Tar(bytes.NewReader(whole[:n]), Options{}).Walk(context.Background(), newRecorder(t))
		if n < end+512 && !errors.Is(err, ErrNotTar) {
			t.Errorf("cut at %d of %d: %v", n, len(whole), err)
		}
		if n >= end+512 && n%512 == 0 && err != nil {
			t.Errorf("with half of the end mark: %v", err)
		}
	}
}

func TestWhatIsNoTarIsAnError(t *testing.T) {
	var gz bytes.Buffer
	zw := gzip.NewWriter(&gz)
	_, _ = zw.Write(archive(t, "a=1"))
	must(t, zw.Close())
	for name, b := range map[string][]byte{"nothing": nil, "gzip": gz.Bytes(), "text": []byte(strings.Repeat("some text\n", 100))} {
		err := Tar(bytes.NewReader(b), Options{}).Walk(context.Background(), newRecorder(t))
		if !errors.Is(err, ErrNotTar) || name == "gzip" && !strings.Contains(err.Error(), "gzip") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTarLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	var entries []string
	for _, name := range names(200) {
		entries = append(entries, fmt.Sprintf("%s/%s=x", name[:1], name))
	}
	r := recordTar(t, Options{ScratchDir: dir}, entries...)
	if len(r.bodies) != 200 {
		t.Errorf("%d files", len(r.bodies))
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

// FuzzTar feeds broken archives to a walk; the recorder checks the order.
func FuzzTar(f *testing.F) {
	f.Add(archive(f, "b=2", "./a/x=1", "a-b=x", "l -> b", "h => b"))
	f.Add(archive(f, "d/x=1", "d=file", "d/", "d/y/z="))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newRecorder(t)
		if err := Tar(bytes.NewReader(b), Options{}).Walk(context.Background(), r); err == nil && len(r.way) != 0 {
			t.Errorf("the walk ended in %v", r.way)
		}
	})
}

// FuzzTarRow decodes any bytes.
func FuzzTarRow(f *testing.F) {
	f.Add(tarRow{kind: 1, size: 7, target: "x"}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if row, err := decodeTarRow(b); err == nil && !bytes.Equal(row.encode(), b) && b[1] < 4 {
			t.Errorf("%x decodes to %+v", b, row)
		}
	})
}
