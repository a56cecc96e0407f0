package corpus

import (
	"archive/zip"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/artifortress/afs-engine/bench"
)

const (
	binariesBytes = 1 << 30
	binariesSum   = "9eaf38720f3dbc5466c7f250f4228e3c74c294284de6caa68bbe892a1cc08360"
)

// binaryToolchains are the releases whose programs make the file, in order: the
// first ones have little in common with each other.
func binaryToolchains() []module {
	const platform = "linux-amd64"
	modules := []module{
		toolchain("1.21.0", platform, "h1:sJnPYT2iSG+UDbXIDjwfgOVbLmKWLr239Dg9I2xF57Y="),
		toolchain("1.22.0", platform, "h1:sw/OXbYl9bnHFo9BQjiVYaAIfQ1Nz//kiAjHaDP5RVw="),
		toolchain("1.23.0", platform, "h1:dJ4WHShePJ10jZAlYVrNhSlHddBaYNLcvYjmswtQYLg="),
		toolchain("1.24.0", platform, "h1:oPC9yECkA1xwFfkEB5H9B9GDchhCH79d2Y7l4ybHXF0="),
		toolchain("1.25.0", platform, "h1:wVC9wx2XOcP5gHiN8ZzfyTfjlrDLSS7Hu1wjI01n68U="),
		toolchain("1.26.3", "linux-arm64", "h1:KRiC8jsRApkVqG+J+n5bGoaipGxrQ4yTn8B7BnFjzd0="),
	}
	modules = append(modules, adjacentToolchains()...)
	return append(modules, toolchain("1.26.4", platform, "h1:wAoHYF9gHXZdyCyZT4yuWhbjdIC/Iv5dpQsE+H3FgGU="))
}

func binaries() Spec {
	return Spec{
		Name:          "binaries",
		About:         "one file of 1 GiB: programs and objects (ELF) of eleven releases of Go, one after the other",
		Part:          bench.Part{Workloads: []string{bench.IngestFirst, bench.IngestOneCore, bench.IngestReread, bench.RestoreTmpfs}, Without: []string{"erofs"}},
		DownloadBytes: 700e6, CacheBytes: 1700e6,
		build: func(ctx context.Context, c *cache, dir string) error {
			modules := binaryToolchains()
			zips, err := c.zips(ctx, modules)
			if err != nil {
				return err
			}
			path := filepath.Join(releaseDir(dir, 0, "all"), "programs.bin")
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			return concatenate(ctx, zips, path)
		},
	}
}

// concatenate writes the programs of zip files one after the other, in the
// order in which they stand there, up to 1 GiB.
func concatenate(ctx context.Context, zips []string, path string) error {
	w, err := os.Create(path)
	if err != nil {
		return err
	}
	defer w.Close()
	digest := sha256.New()
	out := &limitedWriter{io.MultiWriter(w, digest), binariesBytes}
	for _, name := range zips {
		if err := appendPrograms(ctx, out, name); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	if out.left > 0 {
		return fmt.Errorf("%w: the programs are %d bytes too short", ErrFetch, out.left)
	}
	if sum := hex.EncodeToString(digest.Sum(nil)); sum != binariesSum {
		return fmt.Errorf("%w: %s has %s, want %s", ErrChecksum, filepath.Base(path), sum, binariesSum)
	}
	when := releaseTime(0)
	return errors.Join(w.Close(), os.Chtimes(path, when, when))
}

func appendPrograms(ctx context.Context, w *limitedWriter, name string) error {
	z, err := zip.OpenReader(name)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, f := range z.File {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if w.left == 0 {
			return nil
		}
		if err := appendProgram(w, f); err != nil {
			return err
		}
	}
	return nil
}

func appendProgram(w io.Writer, f *zip.File) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(4)
	if err == io.EOF || err == nil && !isELF(head) {
		return nil
	}
	if err == nil {
		_, err = io.Copy(w, b)
	}
	return err
}

// limitedWriter drops what goes beyond a limit.
type limitedWriter struct {
	w    io.Writer
	left int64
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	n, err := l.w.Write(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	if err != nil {
		return n, err
	}
	return len(p), nil
}
