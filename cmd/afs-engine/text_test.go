package main

import (
	"strings"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/engine/manifest"
)

func TestTablesAlign(t *testing.T) {
	var b strings.Builder
	tab := newTable(&b, "<><")
	for _, row := range [][]string{{"a", "1", "x"}, {"bbb", "100", "y"}, {"é", "10"}, {"c", "5", ""}} {
		if err := tab.row(row...); err != nil {
			t.Fatal(err)
		}
	}
	if err := tab.flush(); err != nil {
		t.Fatal(err)
	}
	want := "a      1  x\nbbb  100  y\né     10\nc      5\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestLongTablesStream(t *testing.T) {
	var b strings.Builder
	tab := newTable(&b, "")
	for range tableRows {
		if err := tab.row("x"); err != nil {
			t.Fatal(err)
		}
	}
	if b.Len() == 0 || len(tab.rows) > 0 {
		t.Errorf("%d rows held after %d", len(tab.rows), tableRows)
	}
}

func TestNamesCannotPlayWithTheTerminal(t *testing.T) {
	for in, want := range map[string]string{
		"plain.txt": "plain.txt",
		"naïve":     "naïve",
		"a b":       "a b",
		"a\nb":      `"a\nb"`,
		"\x1b[31m":  `"\x1b[31m"`,
		"x\xff":     `"x\xff"`,
	} {
		if got := shown(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestModesReadAsInLs(t *testing.T) {
	for _, c := range []struct {
		kind manifest.Kind
		mode uint32
		want string
	}{
		{manifest.File, 0o644, "-rw-r--r--"},
		{manifest.Dir, 0o755, "drwxr-xr-x"},
		{manifest.Symlink, 0o777, "lrwxrwxrwx"},
		{manifest.File, 0o4755, "-rwsr-xr-x"},
		{manifest.File, 0o6600, "-rwS--S---"},
		{manifest.Dir, 0o1777, "drwxrwxrwt"},
		{manifest.Dir, 0o1770, "drwxrwx--T"},
		{manifest.File, 0, "----------"},
	} {
		if got := modeText(manifest.Entry{Kind: c.kind, Attr: manifest.Attr{Mode: c.mode}}); got != c.want {
			t.Errorf("%v %o: got %s, want %s", c.kind, c.mode, got, c.want)
		}
	}
}

func TestChecksumLinesEscapeNames(t *testing.T) {
	for path, want := range map[string]string{
		"a b":      "00  a b",
		"a\nb":     `\00  a\nb`,
		`a\b`:      `\00  a\\b`,
		"x\r\xff!": "\\00  x\\r\xff!",
	} {
		if got := checksumText("00", path); got != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	}
}

func TestProgressInWords(t *testing.T) {
	for _, c := range []struct {
		s    snapshot
		want string
	}{
		{snapshot{verb: "verify", bytes: 2e6, elapsed: time.Second}, "verify: 0 files, 2.0 MB, 2.0 MB/s"},
		{
			snapshot{verb: "ingest", files: 1200, bytes: 3e9, newBytes: 1e9, totalFiles: 2000, totalBytes: 6e9, elapsed: 100 * time.Second},
			"ingest: 1,200 files, 1.0 GB new, 2.0 GB known, 3.0 GB of 6.0 GB (50%), 30 MB/s, 1m40s left",
		},
		{
			snapshot{verb: "ingest", files: 1, bytes: 7e6, totalBytes: 5e6, elapsed: time.Second},
			"ingest: 1 file, 7.0 MB of 5.0 MB (99%), 7.0 MB/s",
		},
	} {
		if got := c.s.line(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestArgumentsAreToldApart(t *testing.T) {
	for arg, want := range map[string]bool{
		"go":                     false,
		"go/toolchain":           false,
		"npm/@babel":             false,
		"npm/@babel/core":        false,
		"@scope":                 false,
		"go/toolchain@1":         true,
		"npm/@babel/core@7.26.0": true,
		"go/toolchain@1:a@b":     true,
		"go/toolchain:path":      true,
		"go@1":                   true,
	} {
		if got := isReference(arg); got != want {
			t.Errorf("%s: reference %v, want %v", arg, got, want)
		}
	}
	for arg, want := range map[string]string{"/mnt/a": "/mnt/a", "a b": "'a b'", "it's": `'it'\''s'`, "": "''"} {
		if got := quoted(arg); got != want {
			t.Errorf("%q: quoted %s, want %s", arg, got, want)
		}
	}
}
