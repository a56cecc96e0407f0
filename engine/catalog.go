package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/unpack"
	"github.com/artifortress/afs-engine/index"
)

// Version implements Catalog.
func (e *Local) Version(ctx context.Context, ref registry.Ref) (*Version, error) {
	if err := e.gate.enter(ctx); err != nil {
		return nil, err
	}
	defer e.gate.leave()
	v, err := registry.Find(e.rows.with(ctx), ref)
	if id, pinned := ref.PinnedRoot(); pinned && errors.Is(err, registry.ErrNotFound) {
		v, err = registry.FindRoot(e.rows.with(ctx), ref, id)
	}
	if err == nil && v.State != registry.Published {
		err = WithHint(fmt.Errorf("%w: %s is a %s", registry.ErrNotFound, v.Ref, v.State), stateHint(v.State))
	}
	if err != nil {
		return nil, err
	}
	root, err := manifest.RootEntry(ctx, e.chunks, v.Root)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", v.Ref, err)
	}
	return &Version{Version: *v, root: root, src: gatedChunks{e}}, nil
}

// Tree implements Catalog.
func (e *Local) Tree(ctx context.Context, ref registry.Ref) (manifest.Entry, manifest.Source, error) {
	v, err := e.Version(ctx, ref)
	if err != nil {
		return manifest.Entry{}, nil, err
	}
	return v.root, v.src, nil
}

// gatedChunks is the source of versions, which may outlive the engine.
type gatedChunks struct{ e *Local }

var _ manifest.Announcer = gatedChunks{}

// Chunk implements manifest.Source.
func (g gatedChunks) Chunk(ctx context.Context, kind chunker.Kind, id chunker.ID) ([]byte, error) {
	if err := g.e.gate.enter(ctx); err != nil {
		return nil, err
	}
	defer g.e.gate.leave()
	return g.e.chunks.Chunk(ctx, kind, id)
}

// Announce implements manifest.Announcer.
func (g gatedChunks) Announce(ctx context.Context, ids []chunker.ID) {
	if g.e.gate.enter(ctx) != nil {
		return
	}
	defer g.e.gate.leave()
	g.e.chunks.Announce(ctx, ids)
}

// Chunks implements unpack.BulkSource.
func (g gatedChunks) Chunks(ctx context.Context, kind chunker.Kind, ids []chunker.ID, workers int, got unpack.Got) error {
	if err := g.e.gate.enter(ctx); err != nil {
		return err
	}
	defer g.e.gate.leave()
	return g.e.chunks.Chunks(ctx, kind, ids, workers, got)
}

func stateHint(s registry.State) string {
	if s == registry.Draft {
		return "'afs-engine publish' makes it visible"
	}
	return "'afs-engine ls' lists what is there"
}

// Name implements Catalog.
func (e *Local) Name(ctx context.Context, path string) (registry.Name, error) {
	if err := e.gate.enter(ctx); err != nil {
		return registry.Name{}, err
	}
	defer e.gate.leave()
	return registry.FindName(e.rows.with(ctx), path)
}

// Names implements Catalog.
func (e *Local) Names(ctx context.Context, under string) iter.Seq2[registry.Name, error] {
	return yielding(ctx, &e.gate, func(fn func(registry.Name) error) error { return registry.ListNames(e.rows.with(ctx), under, fn) })
}

// Versions implements Catalog.
func (e *Local) Versions(ctx context.Context, pkg registry.Ref) iter.Seq2[registry.Name, error] {
	return yielding(ctx, &e.gate, func(fn func(registry.Name) error) error { return registry.ListPackage(e.rows.with(ctx), pkg, fn) })
}

// Drafts implements Catalog.
func (e *Local) Drafts(ctx context.Context, under string) iter.Seq2[registry.Version, error] {
	return yielding(ctx, &e.gate, func(fn func(registry.Version) error) error {
		return registry.ListVersions(e.rows.with(ctx), under, registry.Draft, func(v *registry.Version) error { return fn(*v) })
	})
}

// Log implements Catalog.
func (e *Local) Log(ctx context.Context, pkg registry.Ref) iter.Seq2[registry.Event, error] {
	return yielding(ctx, &e.gate, func(fn func(registry.Event) error) error { return registry.History(e.rows.with(ctx), pkg, fn) })
}

var errStop = errors.New("stop")

// yielding makes an iterator of a function that calls back.
func yielding[T any](ctx context.Context, g *gate, each func(func(T) error) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		if err := g.enter(ctx); err != nil {
			yield(zero, err)
			return
		}
		defer g.leave()
		err := each(func(x T) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !yield(x, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(zero, err)
		}
	}
}

// Stats implements Keeper.
func (e *Local) Stats(ctx context.Context) (Stats, error) {
	if err := e.gate.enter(ctx); err != nil {
		return Stats{}, err
	}
	defer e.gate.leave()
	r := e.rows.with(ctx)
	t, err := r.Totals()
	if err != nil {
		return Stats{}, err
	}
	s := Stats{UniqueBytes: t.UniqueBytes, Chunks: t.Chunks, Nodes: t.Nodes, Packs: t.Packs, PackBytes: t.PackBytes}
	err = registry.ListVersions(e.rows.with(ctx), "", registry.Published, func(v *registry.Version) error {
		s.Versions++
		s.Files += v.Summary.Files
		s.LogicalBytes += v.Summary.Bytes
		return ctx.Err()
	})
	if err != nil {
		return s, err
	}
	err = registry.ListVersions(e.rows.with(ctx), "", registry.Draft, func(*registry.Version) error { s.Drafts++; return ctx.Err() })
	if err != nil {
		return s, err
	}
	err = r.Packs(0, func(_ uint32, p index.Pack) error {
		if p.Raw > 0 {
			s.DeadBytes += int64(float64(p.Size) * float64(p.Raw-p.LiveRaw) / float64(p.Raw))
		}
		return ctx.Err()
	})
	if err != nil {
		return s, err
	}
	for info, err := range e.c.Store.List(ctx, "") {
		if err != nil {
			return s, err
		}
		s.StoredBytes += info.Size
	}
	return s, nil
}
