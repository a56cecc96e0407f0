package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ingest makes a store and puts everything in: every release, then the newest
// once more, read in full, and once more unchanged.
func (b *bout) ingest(ctx context.Context, e *entry) error {
	p := b.places(e, 0, "")
	for _, dir := range []string{p["store"], p["state"]} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("prepare %s: %w", e.Name, err)
		}
	}
	if e.Init != "" {
		if _, _, err := b.command(ctx, e, e.Init, p); err != nil {
			return b.fail(ctx, e, IngestFirst, fmt.Errorf("init: %w", err))
		}
	}
	for i, rel := range b.corpus.Releases {
		workload := IngestNext
		if i == 0 {
			workload = IngestFirst
		}
		if err := b.release(ctx, e, workload, i, rel.Name); err != nil || b.dead[e.Name] {
			return err
		}
		if i == 0 {
			if err := b.oneCore(ctx, e); err != nil {
				return err
			}
		}
	}
	last := b.newest()
	if _, err := b.do(ctx, e, IngestAgain, e.Again, b.places(e, last, againName), b.sizes(e, p)); err != nil {
		return err
	}
	_, err := b.do(ctx, e, IngestReread, e.Reread, b.places(e, last, rereadName), b.sizes(e, p))
	return err
}

// release stores one release. It is stored even where its time is not wanted:
// everything else needs it.
func (b *bout) release(ctx context.Context, e *entry, workload string, i int, name string) error {
	p := b.places(e, i, name)
	if !b.wants(b.corpus, workload) {
		if _, _, err := b.command(ctx, e, e.Ingest, p); err != nil {
			return b.fail(ctx, e, workload, err)
		}
		return nil
	}
	ok, err := b.do(ctx, e, workload, e.Ingest, p, func(row *Row) error {
		row.InputBytes = b.info[i].Bytes
		return b.sizes(e, p)(row)
	})
	b.dead[e.Name] = !ok
	return err
}

// fail keeps a failure that leaves a contender without a store to go on with.
func (b *bout) fail(ctx context.Context, e *entry, workload string, err error) error {
	b.dead[e.Name] = true
	_, err = b.keep(ctx, b.row(e, workload), err)
	return err
}

// sizes fills in what the store takes.
func (b *bout) sizes(e *entry, p places) func(*Row) error {
	return func(row *Row) (err error) {
		row.StoredBytes, row.DiskBytes, row.IndexBytes, err = storeSize(e.Contender, p)
		return err
	}
}

// storeSize measures all files of a store, and apart from them those that the
// tool could make anew.
func storeSize(c Contender, p places) (stored, disk, index int64, err error) {
	apart := map[string]bool{}
	for _, path := range c.Index {
		if path, err = p.path(path); err != nil {
			return 0, 0, 0, err
		}
		size, _, err := DiskUsage(path, nil)
		if err != nil {
			return 0, 0, 0, err
		}
		index += size
		apart[path] = true
	}
	stored, disk, err = DiskUsage(p["store"], apart)
	return stored, disk, index, err
}

// DiskUsage adds up the sizes of the files below path, and the blocks that they
// take, both in bytes. What is in without is left out; what is not there has no
// size.
func DiskUsage(path string, without map[string]bool) (size, blocks int64, err error) {
	err = filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it never was, or was a temporary file
		}
		if err != nil {
			return err
		}
		if without[path] {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if !d.IsDir() {
			size += info.Size()
		}
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			blocks += s.Blocks * 512
		}
		return nil
	})
	if err != nil {
		return 0, 0, fmt.Errorf("measure the store: %w", err)
	}
	return size, blocks, nil
}
