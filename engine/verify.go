package engine

import (
	"context"

	"github.com/artifortress/afs-engine/engine/scrub"
)

// Verify implements Keeper.
func (e *Local) Verify(ctx context.Context, opts scrub.Options, found func(scrub.Problem)) (scrub.Result, error) {
	if err := e.gate.enter(ctx); err != nil {
		return scrub.Result{}, err
	}
	defer e.gate.leave()
	// A reader of its own: what others have in their caches was read before.
	chunks := newReader(e.c.Store, e.plane, e.settings.CacheBytes/4)
	defer chunks.close()
	return scrub.Run(ctx, scrub.Store{
		Objects: e.c.Store, Index: e.rows.with(ctx), Chunks: chunks, Bases: chunks.bases,
		Config: func(ctx context.Context) error { _, _, err := readConfig(ctx, e.c.Store); return err },
	}, opts, found)
}
