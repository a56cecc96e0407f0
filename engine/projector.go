package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/commitlog"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// projector turns the log into index rows. The same code runs when a commit is
// made and when it is replayed, so an index that was kept up to date and one
// that was rebuilt are equal.
type projector struct {
	store   backends.Store
	storeID string
	logger  *slog.Logger
}

// errForeignIndex says that an index is empty, of another store, of an older
// schema, or of a log that went another way.
var errForeignIndex = errors.New("the index does not follow from this log")

// catchUp brings db from its position to the end of the log.
func (p projector) catchUp(ctx context.Context, db *index.DB) (commitlog.Position, commitlog.WriterID, error) {
	pos, meta, err := positionOf(db)
	var writer commitlog.WriterID
	if err != nil {
		return pos, writer, fmt.Errorf("%w: %w", errForeignIndex, err)
	}
	if meta.Store != p.storeID || len(meta.Writer) != len(writer) {
		return pos, writer, fmt.Errorf("%w: it is new, or of another store", errForeignIndex)
	}
	copy(writer[:], meta.Writer)
	if err := p.checkEnd(ctx, pos); err != nil {
		return pos, writer, err
	}
	for more := true; more && err == nil; {
		if pos, err = p.replay(ctx, db, pos, writer, &dataplane.Rebuilt{}); err == nil {
			more, err = p.goesOn(ctx, pos)
		}
	}
	return pos, writer, err
}

// positionOf is where in the log db stands; a new index has no Store in its
// Meta.
func positionOf(db *index.DB) (pos commitlog.Position, meta index.Meta, err error) {
	meta, ok, err := db.Meta()
	if err != nil || !ok {
		return pos, index.Meta{}, err
	}
	return pos, meta, json.Unmarshal(meta.Position, &pos)
}

// goesOn looks past pos, where a replay found the log to end. If one group is
// missing and the next is there, this is no end, and a group appended here
// would break the log for good. It reports whether the missing one has come
// since.
func (p projector) goesOn(ctx context.Context, pos commitlog.Position) (bool, error) {
	for _, seq := range []uint64{pos.Sequence + 2, pos.Sequence + 1} {
		_, err := p.store.Stat(ctx, commitlog.Key(seq))
		switch {
		case err != nil && !errors.Is(err, backends.ErrNotExist):
			return false, err
		case err != nil && seq > pos.Sequence+1:
			return false, nil
		case err != nil:
			return false, fmt.Errorf("%w: %s is missing", commitlog.ErrGap, commitlog.Key(seq))
		}
	}
	return true, nil
}

// checkEnd makes sure that the log holds the group the index ends with.
func (p projector) checkEnd(ctx context.Context, pos commitlog.Position) error {
	if pos.Sequence == 0 {
		return nil
	}
	_, digest, err := commitlog.Read(ctx, p.store, pos.Sequence)
	if errors.Is(err, backends.ErrNotExist) || err == nil && digest != pos.Digest {
		return fmt.Errorf("%w: it ends with group %d, which is not there or is another", errForeignIndex, pos.Sequence)
	}
	return err
}

func (p projector) replay(ctx context.Context, db *index.DB, from commitlog.Position, w commitlog.WriterID, result *dataplane.Rebuilt) (commitlog.Position, error) {
	return commitlog.Replay(ctx, p.store, from, func(g *commitlog.Group, next commitlog.Position) error {
		b, err := db.NewBatch()
		if err != nil {
			return err
		}
		defer b.Close()
		for _, rec := range g.Records {
			if rec.Kind != commitlog.KindPackAdded {
				continue
			}
			x, err := p.readAddedPack(ctx, rec)
			if err != nil {
				return err
			}
			if err := b.AddPack(x, p.exactDeps(ctx)); err != nil {
				return err
			}
			result.Packs++
		}
		if err := p.applyRecords(b, g, 0); err != nil {
			return err
		}
		result.Records += int64(len(g.Records))
		return p.commit(b, next, w)
	})
}

func (p projector) readAddedPack(ctx context.Context, rec commitlog.Record) (*packfile.Index, error) {
	added, err := commitlog.DecodePackAdded(rec.Body)
	if err != nil {
		return nil, err
	}
	return packfile.ReadIndex(ctx, p.store, added.ID, added.Size)
}

// applyRecords applies all records but those of packs, which must be in b by
// now. The first of g.Records has place in its group.
func (p projector) applyRecords(b *index.Batch, g *commitlog.Group, place int) error {
	for i, rec := range g.Records {
		switch rec.Kind {
		case commitlog.KindPackAdded, commitlog.KindTakeover:
		case commitlog.KindDraft, commitlog.KindDiscard, commitlog.KindPublish, commitlog.KindTag:
			if err := registry.Apply(b, rec, g.Sequence, place+i, g.Time); err != nil {
				return err
			}
		default:
			if rec.Kind < commitlog.KindCheckpoint {
				return fmt.Errorf("%w: log record of kind %d", ErrFeature, rec.Kind)
			}
		}
	}
	return nil
}

// commit writes b together with the position it leads to.
func (p projector) commit(b *index.Batch, pos commitlog.Position, w commitlog.WriterID) error {
	position, err := json.Marshal(pos)
	if err != nil {
		return err
	}
	if err := b.SetMeta(index.Meta{Store: p.storeID, Writer: w[:], Position: position}); err != nil {
		return err
	}
	return b.Commit()
}

// exactDeps reads a node's references from the node, and those of a delta from
// its frame.
func (p projector) exactDeps(ctx context.Context) index.ExactDeps {
	return func(x *packfile.Index, e packfile.Entry) ([]chunker.ID, error) {
		if !e.Kind.IsNode() {
			d, err := packfile.ReadDelta(ctx, p.store, x.ID, x.Frames[e.Frame])
			if err != nil {
				return nil, err
			}
			return d.Bases, nil
		}
		raw, err := packfile.ReadFrame(ctx, p.store, x.ID, x.Frames[e.Frame], nil, nil)
		if err != nil {
			return nil, err
		}
		nodes, chunks, err := manifest.Deps(raw[e.Offset : e.Offset+e.Length])
		return append(nodes, chunks...), err
	}
}

// rebuild projects the store into an index that fresh makes, from the newest
// checkpoint that is whole and the log after it. The returned index is open
// even if there is an error.
func (p projector) rebuild(ctx context.Context, fresh func() (*index.DB, error), w commitlog.WriterID) (*index.DB, commitlog.Position, dataplane.Rebuilt, error) {
	var result dataplane.Rebuilt
	db, err := fresh()
	if err != nil {
		return nil, commitlog.Position{}, result, err
	}
	seqs, err := commitlog.Checkpoints(ctx, p.store)
	if err != nil {
		return db, commitlog.Position{}, result, err
	}
	var pos commitlog.Position
	for _, seq := range seqs {
		loaded, err := p.loadCheckpoint(ctx, db, seq)
		if err == nil {
			pos, result.Checkpoint = loaded, seq
			break
		}
		p.logger.Warn("a checkpoint cannot be used: trying without it", "sequence", seq, "error", err)
		if err := db.Close(); err != nil {
			return nil, pos, result, err
		}
		if db, err = fresh(); err != nil {
			return nil, pos, result, err
		}
	}
	if err := commitlog.CheckComplete(ctx, p.store, pos.Sequence); err != nil {
		return db, pos, result, err
	}
	b, err := db.NewBatch()
	if err != nil {
		return db, pos, result, err
	}
	defer b.Close()
	if err := p.commit(b, pos, w); err != nil {
		return db, pos, result, err
	}
	pos, err = p.replay(ctx, db, pos, w, &result)
	return db, pos, result, err
}

func (p projector) loadCheckpoint(ctx context.Context, db *index.DB, seq uint64) (commitlog.Position, error) {
	im := db.Import()
	c, err := commitlog.ReadCheckpoint(ctx, p.store, seq, im.Row)
	if err != nil {
		return commitlog.Position{}, err
	}
	_, digest, err := commitlog.Read(ctx, p.store, seq)
	if err == nil && digest != c.Position.Digest {
		err = fmt.Errorf("%w: checkpoint %d is of another log", ErrDamaged, seq)
	}
	if err != nil {
		return commitlog.Position{}, err
	}
	return c.Position, im.Flush()
}
