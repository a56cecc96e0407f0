package corpus

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// module is a version of a Go module.
type module struct {
	release string // what it is called here
	path    string
	version string
	sum     string // as in go.sum: over names and bytes of all its files
}

const toolchainPath = "golang.org/toolchain"

// toolchain is a release of Go: its source, compiler and tools.
func toolchain(release, platform, sum string) module {
	return module{release, toolchainPath, "v0.0.1-go" + release + "." + platform, sum}
}

// cache is the directory that corpora and downloads are kept in.
type cache struct{ dir string }

// zips returns the zip files of modules. What neither an earlier run nor the
// user's own module cache has is downloaded.
func (c *cache) zips(ctx context.Context, modules []module) ([]string, error) {
	own, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE").Output()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the go command is needed to download modules: %w", ErrFetch, err)
	}
	places := []string{filepath.Join(c.dir, "mod"), strings.TrimSpace(string(own))}
	zips := make([]string, len(modules))
	var missing []module
	for i, m := range modules {
		if zips[i] = m.find(places); zips[i] == "" {
			missing = append(missing, m)
		}
	}
	if len(missing) == 0 {
		return zips, nil
	}
	fresh, err := c.download(ctx, missing)
	if err != nil {
		return nil, err
	}
	for i := range zips {
		if zips[i] == "" {
			zips[i], fresh = fresh[0], fresh[1:]
		}
	}
	return zips, nil
}

// find looks for a module in module caches. Beside a zip file the go command
// keeps its sum, once it has checked it.
func (m module) find(caches []string) string {
	for _, dir := range caches {
		base := filepath.Join(dir, "cache", "download", filepath.FromSlash(m.path), "@v", m.version)
		sum, err := os.ReadFile(base + ".ziphash")
		if err != nil || strings.TrimSpace(string(sum)) != m.sum {
			continue
		}
		if _, err := os.Stat(base + ".zip"); err == nil {
			return base + ".zip"
		}
	}
	return ""
}

// download has the go command fetch modules and check them, against the
// checksum database and, here, against the sums that are pinned. It returns
// their zip files.
func (c *cache) download(ctx context.Context, modules []module) ([]string, error) {
	work, cacheDir := filepath.Join(c.dir, "work"), filepath.Join(c.dir, "mod")
	if err := os.MkdirAll(work, 0o755); err != nil {
		return nil, err
	}
	args := []string{"mod", "download", "-json"}
	for _, m := range modules {
		args = append(args, m.path+"@"+m.version)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod -modcacherw", "GOTOOLCHAIN=local", "GOWORK=off", "GOMODCACHE="+cacheDir)
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	zips, perr := verified(out, modules)
	if perr != nil {
		return nil, perr
	}
	if err != nil {
		return nil, fmt.Errorf("%w: go mod download: %w", ErrFetch, err)
	}
	// The go command unpacks as well; the zip files are enough.
	for _, m := range modules {
		if err := os.RemoveAll(filepath.Join(cacheDir, filepath.FromSlash(m.path)+"@"+m.version)); err != nil {
			return nil, err
		}
	}
	return zips, nil
}

// verified reads what go mod download says of modules.
func verified(out []byte, modules []module) ([]string, error) {
	dec := json.NewDecoder(bytes.NewReader(out))
	var zips []string
	for _, m := range modules {
		var got struct{ Path, Version, Zip, Sum, Error string }
		if err := dec.Decode(&got); err != nil {
			return nil, fmt.Errorf("%w: %s@%s: go mod download said nothing of it: %w", ErrFetch, m.path, m.version, err)
		}
		switch {
		case got.Error != "":
			return nil, fmt.Errorf("%w: %s", ErrFetch, got.Error)
		case got.Path != m.path || got.Version != m.version:
			return nil, fmt.Errorf("%w: asked for %s@%s, got %s@%s", ErrFetch, m.path, m.version, got.Path, got.Version)
		case got.Sum != m.sum:
			return nil, fmt.Errorf("%w: %s@%s has %s, want %s", ErrChecksum, m.path, m.version, got.Sum, m.sum)
		}
		zips = append(zips, got.Zip)
	}
	return zips, nil
}

// unpackAll makes a directory of each module.
func unpackAll(ctx context.Context, c *cache, dir string, modules []module) error {
	zips, err := c.zips(ctx, modules)
	if err != nil {
		return err
	}
	for i, m := range modules {
		prefix := m.path + "@" + m.version + "/"
		if err := unpack(ctx, zips[i], prefix, releaseDir(dir, i, m.release), releaseTime(i)); err != nil {
			return err
		}
	}
	return nil
}

// unpack writes the files of a module's zip.
func unpack(ctx context.Context, path, prefix, dir string, when time.Time) error {
	z, err := zip.OpenReader(path)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", path, err)
	}
	defer z.Close()
	for _, f := range z.File {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		name, ok := strings.CutPrefix(f.Name, prefix)
		if !ok || !filepath.IsLocal(name) {
			return fmt.Errorf("%w: %s: a file of another place: %q", ErrFetch, path, f.Name)
		}
		if err := unpackFile(f, filepath.Join(dir, filepath.FromSlash(name)), when); err != nil {
			return fmt.Errorf("unpack %s: %w", f.Name, err)
		}
	}
	return nil
}

func unpackFile(f *zip.File, dest string, when time.Time) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	return writeFile(r, dest, when)
}

// writeFile writes a file of a release.
func writeFile(r io.Reader, dest string, when time.Time) error {
	if err := os.MkdirAll(filepath.Dir(dest), 0o755); err != nil {
		return err
	}
	w, err := os.Create(dest)
	if err != nil {
		return err
	}
	var head headWriter
	_, err = io.Copy(io.MultiWriter(w, &head), r)
	mode := os.FileMode(0o644)
	if executable(head.b) {
		mode = 0o755
	}
	return errors.Join(err, w.Close(), os.Chmod(dest, mode), os.Chtimes(dest, when, when))
}

// headWriter keeps the first bytes that are written to it.
type headWriter struct{ b []byte }

func (h *headWriter) Write(p []byte) (int, error) {
	const enough = 4
	h.b = append(h.b, p[:min(len(p), enough-min(len(h.b), enough))]...)
	return len(p), nil
}
