package unpack

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// BulkSource is an optional power of a Source: it reads many chunks in the
// order that is quickest for it.
type BulkSource interface {
	manifest.Source

	// Chunks gives got each of the chunks ids once, in any order, the same id as
	// often as it stands there. Up to workers (at least 1) goroutines call got at
	// once. If got returns an error, Chunks stops and returns it. It keeps nothing
	// of ids. Errors that concern no single chunk it returns itself.
	Chunks(ctx context.Context, kind chunker.Kind, ids []chunker.ID, workers int, got Got) error
}

// Got takes chunks that were asked for one after the other and stand together,
// from the i-th on: b has them, verified and valid until Got returns, and ends
// says where in b each of them ends. Or it takes why the i-th cannot be had.
type Got = func(i int, b []byte, ends []int, err error) error

// bulkOf is src with the power it may lack.
func bulkOf(src manifest.Source) BulkSource {
	if b, ok := src.(BulkSource); ok {
		return b
	}
	return oneByOne{src}
}

// oneByOne reads chunks in the order in which they are asked for.
type oneByOne struct{ manifest.Source }

func (s oneByOne) Chunks(ctx context.Context, kind chunker.Kind, ids []chunker.ID, workers int, got Got) error {
	return eachOf(ctx, len(ids), workers, func(ctx context.Context, i int) error {
		b, err := s.Chunk(ctx, kind, ids[i])
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		return got(i, b, []int{len(b)}, err)
	})
}

// eachOf calls f for 0 to n-1, in order, from several goroutines.
func eachOf(ctx context.Context, n, workers int, f func(ctx context.Context, i int) error) error {
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range min(n, workers) {
		g.Go(func() error {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := f(ctx, int(i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}
