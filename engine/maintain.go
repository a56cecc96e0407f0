package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/engine/commitlog"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// adopt takes packs that were sealed and stored, but are named by no record,
// into the log. It returns how many. A pack that does not read, or whose nodes
// refer to chunks that are nowhere, is left alone: it holds nothing that
// anybody was promised.
func (e *Local) adopt(ctx context.Context) (n int64, err error) {
	var found []*packfile.Index
	for info, err := range e.c.Store.List(ctx, packfile.Prefix) {
		if err != nil {
			return 0, err
		}
		x, err := e.orphan(ctx, info)
		if err != nil {
			return 0, err
		}
		if x != nil {
			found = append(found, x)
		}
	}
	data, meta := splitByClass(found)
	for left := append(data, meta...); len(left) > 0; {
		var dangling []*packfile.Index
		for _, x := range left {
			err := e.commits.do(ctx, &commitRequest{adopt: x})
			switch {
			case err == nil:
				n++
			case errors.Is(err, index.ErrDangling):
				dangling = append(dangling, x) // what it refers to may come yet
			default:
				return n, err
			}
		}
		if len(dangling) == len(left) {
			e.c.Logger.Warn("packs that no record names refer to chunks that are nowhere", "packs", len(left))
			break
		}
		left = dangling
	}
	return n, nil
}

func splitByClass(all []*packfile.Index) (data, meta []*packfile.Index) {
	for _, x := range all {
		if x.Class == packfile.ClassData {
			data = append(data, x)
		} else {
			meta = append(meta, x)
		}
	}
	return data, meta
}

// orphan returns the index of a pack that the log does not know, or nil.
func (e *Local) orphan(ctx context.Context, info backends.Info) (*packfile.Index, error) {
	id, err := packfile.ParseKey(info.Key)
	if err != nil {
		return nil, nil // no pack's name
	}
	if _, known, err := e.db.PackNumber(id); known || err != nil {
		return nil, err
	}
	x, err := packfile.ReadIndex(ctx, e.c.Store, id, info.Size)
	if errors.Is(err, packfile.ErrCorrupt) || errors.Is(err, packfile.ErrUnknown) {
		e.c.Logger.Warn("a pack that no record names cannot be used", "object", info.Key, "error", err)
		return nil, nil
	}
	return x, err
}

// checkpointIfDue writes a checkpoint if enough groups have come since the
// last one.
func (e *Local) checkpointIfDue(ctx context.Context) error {
	seqs, err := commitlog.Checkpoints(ctx, e.c.Store)
	if err != nil {
		return err
	}
	// After a commit that the index could not follow, or a rebuild that failed,
	// the index is behind the log: what it holds is nothing to start from.
	at, _, err := positionOf(e.db)
	pos := e.commits.log.Position()
	if err != nil || at != pos {
		return fmt.Errorf("the index does not stand at the end of the log: %w", errors.Join(errForeignIndex, err))
	}
	last := uint64(0)
	if len(seqs) > 0 {
		last = seqs[0]
	}
	if pos.Sequence < last+uint64(e.settings.CheckpointRecords) {
		return nil
	}
	if err := e.checkpoint(ctx, pos); err != nil {
		return err
	}
	// The one before stays, should the new one turn out to be damaged.
	return commitlog.PruneCheckpoints(ctx, e.c.Store, seqs[min(1, len(seqs)):])
}

// checkpoint writes one of the present state, then its record. The committer
// has stopped, so the index stands at pos.
func (e *Local) checkpoint(ctx context.Context, pos commitlog.Position) error {
	c, err := commitlog.WriteCheckpoint(ctx, e.c.Store, pos, e.db.Export)
	if err != nil {
		return err
	}
	rec := commitlog.Checkpointed{Sequence: pos.Sequence, Manifest: c.Digest}.Record()
	_, now := e.commits.log.Next()
	if _, err := e.commits.log.Append(ctx, now, []commitlog.Record{rec}); err != nil {
		return fmt.Errorf("record the checkpoint: %w", err)
	}
	b, err := e.db.NewBatch()
	if err != nil {
		return err
	}
	defer b.Close()
	return e.commits.proj.commit(b, e.commits.log.Position(), e.commits.log.Writer())
}
