package corpus

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/artifortress/afs-engine/bench"
)

func adjacentToolchains() []module {
	const platform = "linux-amd64"
	return []module{
		toolchain("1.26.0", platform, "h1:1p2G5COR51f8Q3EQ4HLJQDDL2ytLEqfL/yTawB0Jr8w="),
		toolchain("1.26.1", platform, "h1:ogZGgioUbILcJZb6JCPiHx+oAK/UZkw8SOIRLbGYtx4="),
		toolchain("1.26.2", platform, "h1:mCBp0gCL9gQVqXpC60jQ7R46JDxL73qeF8hv6SnV2ss="),
		toolchain("1.26.3", platform, "h1:LdHRR8AtYKtOQrWMnd5AbvhZMSVJ7HoO2wrqShPaLV8="),
	}
}

func toolchains() Spec {
	return Spec{
		Name:   "toolchains",
		About:  "four adjacent releases of the Go toolchain for linux-amd64, unpacked: source and programs",
		Mounts: true, DownloadBytes: 287e6, CacheBytes: 1170e6,
		build: func(ctx context.Context, c *cache, dir string) error {
			return unpackAll(ctx, c, dir, adjacentToolchains())
		},
	}
}

func zips() Spec {
	return Spec{
		Name:          "zips",
		About:         "the zip files of the same four toolchains, as they are downloaded: compressed data",
		Part:          bench.Part{Reps: 1, Workloads: []string{bench.IngestFirst, bench.IngestNext}, Without: []string{"bup", "erofs"}},
		DownloadBytes: 287e6, CacheBytes: 287e6,
		build: func(ctx context.Context, c *cache, dir string) error {
			modules := adjacentToolchains()
			zips, err := c.zips(ctx, modules)
			if err != nil {
				return err
			}
			for i, m := range modules {
				// The name of the file must not give away that it is another one.
				if err := copyFile(zips[i], filepath.Join(releaseDir(dir, i, m.release), "toolchain.zip"), i); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func copyFile(from, to string, release int) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	when := releaseTime(release)
	return errors.Join(err, w.Close(), os.Chtimes(to, when, when))
}
