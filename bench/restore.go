package bench

import (
	"context"
	"os"
	"path/filepath"
)

// restore brings the newest release back, to disk and to memory, and compares
// it. In the first repetition every other release is brought back and compared
// as well, so that it is known what the ingests were worth; of those who are
// slow, the first.
func (b *bout) restore(ctx context.Context, e *entry) error {
	last := b.newest()
	p := b.places(e, last, b.corpus.Releases[last].Name)
	if err := b.restoreTo(ctx, e, RestoreDisk, p); err != nil {
		return err
	}
	if b.o.Tmpfs != "" {
		p["dest"] = filepath.Join(b.o.Tmpfs, e.Name)
		if err := b.restoreTo(ctx, e, RestoreTmpfs, p); err != nil {
			return err
		}
	} else if _, err := b.has(e, RestoreTmpfs, ""); err != nil {
		return err
	}
	if b.rep > 1 || e.Restore == "" || !b.wantsAny(b.corpus, RestoreDisk, RestoreTmpfs) {
		return nil
	}
	defer b.doneOnce(b.o.Now())
	for i := range last {
		if e.Slow && i > 0 {
			break
		}
		if err := b.checkRelease(ctx, e, i); err != nil {
			return err
		}
	}
	return nil
}

func (b *bout) restoreTo(ctx context.Context, e *entry, workload string, p places) error {
	defer removeAll(p["dest"]) // the work directory is cleared in the end, and complains then
	_, err := b.do(ctx, e, workload, e.Restore, p, func(row *Row) error {
		err := b.compare(e, p)
		same := err == nil
		row.Same = &same
		if same {
			b.mark(e.Name, p["release"])
		}
		return err
	})
	return err
}

// compare compares what was restored with the source.
func (b *bout) compare(e *entry, p places) error {
	restored := e.Restored
	if restored == "" {
		restored = "{dest}"
	}
	path, err := p.path(restored)
	if err != nil {
		return err
	}
	return sameTree(p["src"], path)
}

// checkRelease restores release i without measuring it, in memory if it has
// room, and compares.
func (b *bout) checkRelease(ctx context.Context, e *entry, i int) error {
	p := b.places(e, i, b.corpus.Releases[i].Name)
	if free, err := freeBytes(b.o.Tmpfs); b.o.Tmpfs != "" && err == nil && free > 2*b.info[i].Bytes {
		p["dest"] = filepath.Join(b.o.Tmpfs, e.Name)
	}
	defer removeAll(p["dest"]) // as above
	_, _, err := b.command(ctx, e, e.Restore, p)
	if err == nil {
		err = b.compare(e, p)
	}
	if err == nil {
		b.mark(e.Name, p["release"])
		return nil
	}
	row := b.row(e, RestoreDisk)
	row.Release = p["release"]
	_, err = b.keep(ctx, row, err)
	return err
}

// mark notes in the rows of an ingest that what it stored came back.
func (b *bout) mark(contender, release string) {
	same := true
	for i := range b.res.Rows {
		row := &b.res.Rows[i]
		if row.Corpus == b.corpus.Name && row.Contender == contender && row.Release == release && row.Rep == b.rep &&
			(row.Workload == IngestFirst || row.Workload == IngestNext) && row.Status == OK {
			row.Same = &same
		}
	}
}

// TmpfsDir is a directory in memory where files may be made, or "".
func TmpfsDir() string {
	const shm = "/dev/shm"
	if filesystem(shm) != "tmpfs" {
		return ""
	}
	dir, err := os.MkdirTemp(shm, "afs-bench-")
	if err != nil {
		return ""
	}
	return dir
}
