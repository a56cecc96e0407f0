package bench

import (
	"context"
	"fmt"
)

// reclaim deletes every release but the newest, and says what is left beside
// what a new store of the newest takes.
func (b *bout) reclaim(ctx context.Context, e *entry) error {
	if !b.wants(b.corpus, Reclaim) || len(b.corpus.Releases) == 1 {
		return nil
	}
	last := b.newest()
	p := b.places(e, last, b.corpus.Releases[last].Name)
	if _, known := b.fresh[e.Name]; !known && e.Reclaim != "" {
		size, err := b.freshSize(ctx, e)
		if err != nil {
			return b.fail(ctx, e, Reclaim, fmt.Errorf("a new store of the newest release: %w", err))
		}
		b.fresh[e.Name] = size
	}
	_, err := b.do(ctx, e, Reclaim, e.Reclaim, p, func(row *Row) error {
		row.FreshBytes = b.fresh[e.Name]
		return b.sizes(e, p)(row)
	})
	return err
}

// freshSize stores the newest release alone.
func (b *bout) freshSize(ctx context.Context, e *entry) (int64, error) {
	defer b.doneOnce(b.o.Now())
	p, done, err := b.aside(ctx, e, b.newest())
	defer done()
	if err != nil {
		return 0, err
	}
	if _, _, err := b.command(ctx, e, e.Ingest, p); err != nil {
		return 0, err
	}
	size, _, _, err := storeSize(e.Contender, p)
	return size, err
}
