package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/engine/commitlog"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// adopt takes packs that were sealed and stored, but are named by no record,
// into the log. It returns how many, and whether all of them could be read. A
// pack that is not sound in every byte, or whose nodes refer to chunks that are
// nowhere, is left alone: it holds nothing that anybody was promised.
func (o *owner) adopt(ctx context.Context) (n int64, all bool, err error) {
	var found []*packfile.Index
	all = true
	for info, err := range o.c.Store.List(ctx, packfile.Prefix) {
		if err != nil {
			return 0, false, err
		}
		x, err := o.orphan(ctx, info)
		switch {
		case ctx.Err() != nil:
			return 0, false, ctx.Err()
		case err != nil:
			all = false
			o.c.Logger.Warn("a pack that no record names cannot be read", "object", info.Key, "error", err)
		case x != nil:
			found = append(found, x)
		}
	}
	data, meta := splitByClass(found)
	for left := append(data, meta...); len(left) > 0; {
		var dangling []*packfile.Index
		for _, x := range left {
			_, _, err := o.append(ctx, []*packfile.Index{x}, &dataplane.Group{})
			switch {
			case err == nil:
				n++
			case errors.Is(err, index.ErrDangling):
				dangling = append(dangling, x) // what it refers to may come yet
			default:
				return n, all, err
			}
		}
		if len(dangling) == len(left) {
			o.c.Logger.Warn("packs that no record names refer to chunks that are nowhere", "packs", len(left))
			break
		}
		left = dangling
	}
	return n, all, nil
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

// orphan returns the index of a pack that the log does not know, or nil. The
// pack may be a client's that was refused, so it is checked like any.
func (o *owner) orphan(ctx context.Context, info backends.Info) (*packfile.Index, error) {
	id, err := packfile.ParseKey(info.Key)
	if err != nil {
		return nil, nil // no pack's name
	}
	if _, known, err := o.db.PackNumber(id); known || err != nil {
		return nil, err
	}
	x, err := o.believed(ctx, dataplane.Pack{ID: id, Size: info.Size})
	if errors.Is(err, packfile.ErrCorrupt) || errors.Is(err, packfile.ErrUnknown) || errors.Is(err, ErrDamaged) || errors.Is(err, backends.ErrNotExist) {
		o.c.Logger.Warn("a pack that no record names cannot be used", "object", info.Key, "error", err)
		return nil, nil
	}
	return x, err
}

// checkpointIfDue writes a checkpoint if enough groups have come since the
// last one.
func (o *owner) checkpointIfDue(ctx context.Context) error {
	seqs, err := commitlog.Checkpoints(ctx, o.c.Store)
	if err != nil {
		return err
	}
	// After a commit that the index could not follow, or a rebuild that failed,
	// the index is behind the log: what it holds is nothing to start from.
	at, _, err := positionOf(o.db)
	pos := o.log.Position()
	if err != nil || at != pos {
		return fmt.Errorf("the index does not stand at the end of the log: %w", errors.Join(errForeignIndex, err))
	}
	last := uint64(0)
	if len(seqs) > 0 {
		last = seqs[0]
	}
	if pos.Sequence < last+uint64(o.settings.CheckpointRecords) {
		return nil
	}
	if err := o.writeCheckpoint(ctx, pos); err != nil {
		return err
	}
	// The one before stays, should the new one turn out to be damaged.
	return commitlog.PruneCheckpoints(ctx, o.c.Store, seqs[min(1, len(seqs)):])
}

// writeCheckpoint writes one of the present state, then its record. The index
// stands at pos.
func (o *owner) writeCheckpoint(ctx context.Context, pos commitlog.Position) error {
	c, err := commitlog.WriteCheckpoint(ctx, o.c.Store, pos, o.db.Export)
	if err != nil {
		return err
	}
	rec := commitlog.Checkpointed{Sequence: pos.Sequence, Manifest: c.Digest}.Record()
	_, now := o.log.Next()
	if _, err := o.log.Append(ctx, now, []commitlog.Record{rec}); err != nil {
		return fmt.Errorf("record the checkpoint: %w", err)
	}
	b, err := o.db.NewBatch()
	if err != nil {
		return err
	}
	defer b.Close()
	return o.proj.commit(b, o.log.Position(), o.log.Writer())
}
