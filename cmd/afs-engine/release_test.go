package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// releases are two real trees to work on: at full size two adjacent Go
// toolchains, which the Go module proxy gives, otherwise a package of the
// installed one and a changed copy.
func releases(t *testing.T) (older, newer string) {
	t.Helper()
	older, newer = filepath.Join(t.TempDir(), "older"), filepath.Join(t.TempDir(), "newer")
	if soaking() {
		for _, r := range []struct{ version, dest string }{{"1.26.0", older}, {"1.26.1", newer}} {
			module := "golang.org/toolchain@v0.0.1-go" + r.version + "." + runtime.GOOS + "-" + runtime.GOARCH
			out, err := exec.Command("go", "mod", "download", "-json", module).Output()
			if err != nil {
				t.Fatalf("download %s: %v", module, err)
			}
			var m struct{ Dir string }
			if err := json.Unmarshal(out, &m); err != nil {
				t.Fatal(err)
			}
			shell(t, "cp", "-r", m.Dir, r.dest)
			shell(t, "chmod", "-R", "u+w", r.dest)
		}
	} else {
		shell(t, "cp", "-r", filepath.Join(goroot(t), "src", "net"), older)
		shell(t, "cp", "-r", older, newer)
		write(t, filepath.Join(newer, "dial.go"), "package net // changed\n")
		write(t, filepath.Join(newer, "added.go"), "package net\n")
	}
	for _, dir := range []string{older, newer} {
		write(t, filepath.Join(dir, "bin-like"), "#!/bin/sh\necho it runs\n")
		if err := os.Chmod(filepath.Join(dir, "bin-like"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("nowhere/at all", filepath.Join(dir, "dangling")); err != nil {
			t.Fatal(err)
		}
	}
	return older, newer
}

func shell(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s%s", name, args, err, out, stderr.Bytes())
	}
	return string(out)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// expectSame compares two trees: bytes, then a listing of kind, mode, mtime to
// the nanosecond, link count and link target.
func expectSame(t *testing.T, want, got string) {
	t.Helper()
	shell(t, "diff", "-r", "--no-dereference", want, got)
	if w, g := listing(t, want), listing(t, got); w != g {
		t.Fatalf("the listings of %s and %s differ", want, got)
	}
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	return shell(t, "sh", "-c", `cd "$1" && find . -printf '%y %m %T@ %n %l %P\n' | LC_ALL=C sort`, "sh", dir)
}

func TestReleasesComeOutAsTheyWentIn(t *testing.T) {
	older, newer := releases(t)
	store := filepath.Join(t.TempDir(), "store")
	afs(t, store, 0, "ingest", older, "go/toolchain@1.26.0")
	afs(t, store, 0, "ingest", newer, "go/toolchain@1.26.1")

	for version, dir := range map[string]string{"1.26.0": older, "1.26.1": newer} {
		restored := filepath.Join(t.TempDir(), "restored")
		afs(t, store, 0, "restore", "go/toolchain@"+version, restored)
		expectSame(t, dir, restored)
	}

	if canMount(t) {
		mnt := t.TempDir()
		afs(t, store, 0, "mount", mnt, "--daemon")
		defer exec.Command("umount", "-l", mnt).Run()
		expectSame(t, older, filepath.Join(mnt, "go/toolchain@1.26.0"))
		expectSame(t, newer, filepath.Join(mnt, "go/toolchain@1.26.1"))
		if out := shell(t, filepath.Join(mnt, "go/toolchain@latest/bin-like")); out != "it runs\n" {
			t.Fatalf("a program run from the mount says %q", out)
		}
		afs(t, store, 0, "umount", mnt)
	}

	before := shell(t, "sh", "-c", `cd "$1" && find . -path ./index -prune -o -type f -print | LC_ALL=C sort`, "sh", store)
	again := afs(t, store, 0, "ingest", "--json", older, "go/toolchain@1.26.0")
	var res struct {
		State     string `json:"state"`
		NewBytes  int64  `json:"new_bytes"`
		NewChunks int64  `json:"new_chunks"`
	}
	if err := json.Unmarshal([]byte(again), &res); err != nil || res.State != "unchanged" || res.NewBytes != 0 || res.NewChunks != 0 {
		t.Fatalf("the same release again: %s (%v)", again, err)
	}
	if after := shell(t, "sh", "-c", `cd "$1" && find . -path ./index -prune -o -type f -print | LC_ALL=C sort`, "sh", store); after != before {
		t.Fatal("the same release under the same name added objects")
	}
	copied := afs(t, store, 0, "ingest", "--json", older, "go/toolchain@copy")
	if err := json.Unmarshal([]byte(copied), &res); err != nil || res.NewChunks != 0 || res.NewBytes != 0 {
		t.Fatalf("the same release under another name: %s (%v)", copied, err)
	}
}
