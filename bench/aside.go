package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// aside makes an empty store beside the one at hand, for release i. The places
// are those of that store; it is gone after done.
func (b *bout) aside(ctx context.Context, e *entry, i int) (p places, done func(), err error) {
	p = b.places(e, i, b.corpus.Releases[i].Name)
	home := filepath.Join(b.o.Work, e.Name+"-aside")
	done = func() { _ = removeAll(home) } // the work directory is cleared in the end, and complains then
	p["store"], p["state"] = filepath.Join(home, "store"), filepath.Join(home, "state")
	for _, dir := range []string{p["store"], p["state"]} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, done, err
		}
	}
	if e.Init != "" {
		if _, _, err := b.command(ctx, e, e.Init, p); err != nil {
			return nil, done, fmt.Errorf("init: %w", err)
		}
	}
	return p, done, nil
}

// oneCore stores the first release once more, on one core, right after it was
// stored on all.
func (b *bout) oneCore(ctx context.Context, e *entry) error {
	if e.OneCore == "" || !b.wants(b.corpus, IngestOneCore) {
		return nil
	}
	p, done, err := b.aside(ctx, e, 0)
	defer done()
	if err != nil {
		_, err = b.keep(ctx, b.row(e, IngestOneCore), err)
		return err
	}
	_, err = b.do(ctx, e, IngestOneCore, e.OneCore, p, func(row *Row) error {
		row.InputBytes = b.info[0].Bytes
		return b.sizes(e, p)(row)
	})
	return err
}
