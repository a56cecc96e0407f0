package corpus

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// npmPackage is a version of a package of the npm registry.
type npmPackage struct{ version, name, integrity string }

const npmRegistry = "https://registry.npmjs.org"

// npmPatience is how long a package may take to come.
const npmPatience = 3 * time.Minute

// url is where a package is, in the registry that npm would ask.
func (p npmPackage) url() string {
	registry := os.Getenv("npm_config_registry")
	if registry == "" {
		registry = npmRegistry
	}
	return fmt.Sprintf("%s/%s/-/%s-%s.tgz", strings.TrimRight(registry, "/"), p.name, p.name, p.version)
}

// check compares bytes with what is pinned, which is written as npm writes it.
func (p npmPackage) check(b []byte) error {
	sum := sha512.Sum512(b)
	if got := "sha512-" + base64.StdEncoding.EncodeToString(sum[:]); got != p.integrity {
		return fmt.Errorf("%w: %s@%s has %s, want %s", ErrChecksum, p.name, p.version, got, p.integrity)
	}
	return nil
}

// archive is a package's archive, from the cache if it is there.
func (c *cache) archive(ctx context.Context, p npmPackage) ([]byte, error) {
	path := filepath.Join(c.dir, "npm", p.name+"-"+p.version+".tgz")
	if b, err := os.ReadFile(path); err == nil && p.check(b) == nil {
		return b, nil
	}
	b, err := download(ctx, p.url())
	if err != nil {
		return nil, fmt.Errorf("%w: %s@%s: %w", ErrFetch, p.name, p.version, err)
	}
	if err := p.check(b); err != nil {
		return nil, err
	}
	return b, errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, b, 0o644))
}

// download gets a file whole, by way of the proxy that the environment names.
func download(ctx context.Context, url string) (_ []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, npmPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// unpackPackages makes a directory of each package.
func unpackPackages(ctx context.Context, c *cache, dir string, packages []npmPackage) error {
	for i, p := range packages {
		b, err := c.archive(ctx, p)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if err := untar(strings.NewReader(string(b)), releaseDir(dir, i, p.version), releaseTime(i)); err != nil {
			return fmt.Errorf("unpack %s@%s: %w", p.name, p.version, err)
		}
	}
	return nil
}

// untar writes the files of a package's archive, without the directory that
// they all stand in there.
func untar(r io.Reader, dir string, when time.Time) error {
	z, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		_, name, ok := strings.Cut(h.Name, "/")
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if !ok || !filepath.IsLocal(name) {
			return fmt.Errorf("%w: a file of another place: %q", ErrFetch, h.Name)
		}
		if err := writeFile(t, filepath.Join(dir, filepath.FromSlash(name)), when); err != nil {
			return err
		}
	}
}
