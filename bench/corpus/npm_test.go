package corpus

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tgz is an archive of one file.
func tgz(t testing.TB, name, data string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	check(t, w.WriteHeader(&tar.Header{Name: name, Size: int64(len(data)), Mode: 0o644, Typeflag: tar.TypeReg}))
	_, err := w.Write([]byte(data))
	check(t, errors.Join(err, w.Close(), z.Close()))
	return b.Bytes()
}

// registry serves one archive as every package, and counts how often.
func registry(t testing.TB, archive []byte) (asked *[]string) {
	asked = new([]string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.URL.Path)
		w.Write(archive)
	}))
	t.Cleanup(s.Close)
	t.Setenv("npm_config_registry", s.URL+"/")
	return asked
}

func integrity(b []byte) string {
	sum := sha512.Sum512(b)
	return "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

func TestPackagesAreFetchedOnceAndUnpacked(t *testing.T) {
	b := tgz(t, "package/lib/tsc", "#!/usr/bin/env node")
	asked := registry(t, b)
	c := &cache{t.TempDir()}
	p := npmPackage{"1.0.0", "p", integrity(b)}
	dir := t.TempDir()
	for range 2 {
		check(t, unpackPackages(context.Background(), c, dir, []npmPackage{p}))
	}
	if strings.Join(*asked, " ") != "/p/-/p-1.0.0.tgz" {
		t.Errorf("asked for %v", *asked)
	}
	info, err := os.Stat(filepath.Join(dir, "01-1.0.0/lib/tsc"))
	check(t, err)
	if info.Mode() != 0o755 || !info.ModTime().Equal(releaseTime(0)) || info.Size() != 19 {
		t.Errorf("%v %v %d", info.Mode(), info.ModTime(), info.Size())
	}
}

func TestOtherPackagesThanThePinnedAreRefused(t *testing.T) {
	b := tgz(t, "package/a", "evil")
	registry(t, b)
	c := &cache{t.TempDir()}
	if _, err := c.archive(context.Background(), npmPackage{"1.0.0", "p", integrity([]byte("good"))}); !errors.Is(err, ErrChecksum) {
		t.Errorf("other bytes: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Join(c.dir, "npm")); len(left) > 0 {
		t.Errorf("they are kept: %v", left)
	}
	t.Setenv("npm_config_registry", "http://127.0.0.1:1")
	if _, err := c.archive(context.Background(), npmPackage{"1.0.0", "p", integrity(b)}); !errors.Is(err, ErrFetch) {
		t.Errorf("no registry: %v", err)
	}
}

func TestPackagesWriteNowhereElse(t *testing.T) {
	for _, name := range []string{"package/../../a", "package//etc/a", "a"} {
		dir := filepath.Join(t.TempDir(), "in")
		if err := untar(bytes.NewReader(tgz(t, name, "x")), dir, releaseTime(0)); !errors.Is(err, ErrFetch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := untar(strings.NewReader("no archive"), t.TempDir(), releaseTime(0)); err == nil {
		t.Error("no archive at all was taken for one")
	}
}

func TestPackagePinsAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range typescriptPackages() {
		sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(p.integrity, "sha512-"))
		if err != nil || len(sum) != sha512.Size || seen[p.integrity] {
			t.Errorf("%s@%s: %q, %v", p.name, p.version, p.integrity, err)
		}
		seen[p.integrity] = true
	}
	if len(seen) != 8 {
		t.Errorf("%d releases, want 8", len(seen))
	}
}
