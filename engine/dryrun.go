package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/source"
	"github.com/artifortress/afs-engine/index/scratch"
	"github.com/artifortress/afs-engine/packfile"
)

// tryChunks is the storer of everything that only wants to know: it packs and
// compresses as an ingest would and throws the packs away. What it has seen is
// in a scratch map, so its memory does not grow with the source.
type tryChunks struct {
	plane     dataplane.Chunks // of the store that would take the chunks; nil: an empty one
	seen      *scratch.Map
	keepNodes bool // seen holds the nodes alone, with their bytes, to read the tree afterwards
	data      *packfile.Writer
	meta      *packfile.Writer
	stored    int64
	writers   packWriters
}

func newTryChunks(plane dataplane.Chunks, dir string, p Packing, packSize int64) (*tryChunks, error) {
	seen, err := scratch.Open(dir)
	if err != nil {
		return nil, err
	}
	return &tryChunks{plane: plane, seen: seen, writers: newPackWriters(p, packSize)}, nil
}

func (t *tryChunks) known(ctx context.Context, ids []chunker.ID, have []bool) (asOf uint64, err error) {
	if t.plane == nil {
		clear(have)
		return 0, nil
	}
	return 0, hasAll(ctx, t.plane, ids, have)
}

func (t *tryChunks) put(ctx context.Context, c chunk) (added bool, err error) {
	if t.keepNodes && !c.kind.IsNode() {
		return true, nil // it counts nothing
	}
	if seen, err := t.seen.Has(c.id[:]); seen || err != nil {
		return false, err
	}
	var value []byte
	if t.keepNodes {
		value = c.data
	}
	if err := t.seen.Put(c.id[:], value); err != nil {
		return false, err
	}
	if t.writers.packSize == 0 {
		return true, nil
	}
	return true, t.pack(c)
}

func (t *tryChunks) pack(c chunk) (err error) {
	open, class := &t.data, packfile.ClassData
	if c.kind.IsNode() {
		open, class = &t.meta, packfile.ClassMeta
	}
	if *open == nil {
		if *open, err = t.writers.begin(class); err != nil {
			return err
		}
	}
	if err := c.addTo(*open); err != nil {
		return err
	}
	if (*open).Size() < t.writers.packSize && (*open).Len() < entriesMax {
		return nil
	}
	return t.seal(open)
}

func (t *tryChunks) seal(open **packfile.Writer) error {
	if *open == nil {
		return nil
	}
	s, err := (*open).Seal()
	if err == nil {
		t.stored += s.Index.Size
	}
	*open = nil
	return err
}

// finish counts what is still in open packs.
func (t *tryChunks) finish() error { return errors.Join(t.seal(&t.data), t.seal(&t.meta)) }

func (t *tryChunks) close() error { return t.seen.Close() }

// dryRun is Ingest that stores nothing.
func (e *Local) dryRun(ctx context.Context, req IngestRequest, base *registry.Version, start time.Time) (res *IngestResult, err error) {
	t, err := newTryChunks(e.plane, "", e.config.packing(), e.settings.PackSize)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	b, err := build(ctx, req, building{
		base: base, src: e.chunks, params: e.config.Chunker.Params, store: t,
		recall: e.recall(req), lineage: e.newLineage(ctx, req.Ref), memory: e.settings.blocks(),
	})
	if err != nil {
		return nil, err
	}
	if err := t.finish(); err != nil {
		return nil, err
	}
	res = b.result(req.Ref.WithVersion(req.Ref.Version))
	res.State, res.StoredBytes = StateDryRun, t.stored
	v := e.newVersion(req.Ref, b.root, b.rootEntry.Summary, req.Labels)
	if req.Draft {
		_, err = registry.PlanDraft(e.rows.with(ctx), v)
	} else {
		_, err = registry.PlanPublish(e.rows.with(ctx), v, tagsOf(req.Tags, req.NoLatest), false)
	}
	if err != nil {
		return nil, err
	}
	res.Seconds = e.c.Now().Sub(start).Seconds()
	if b.problems.count > 0 && !req.AllowIncomplete {
		err = fmt.Errorf("%w: %d of them", ErrIncomplete, b.problems.count)
	}
	return res, err
}

// Estimate says what src would take in an empty store made with o, if an engine
// with the settings s took it in. It needs no store; scratchDir is for temporary
// files ("": the system's place).
func Estimate(ctx context.Context, src source.Source, o CreateOptions, s Settings, scratchDir string, progress *Progress) (res EstimateResult, err error) {
	start := time.Now()
	if err := o.complete(); err != nil {
		return res, err
	}
	s.ensureDefaults()
	if err := checkMemory(o.Chunker, &s); err != nil {
		return res, err
	}
	t, err := newTryChunks(nil, scratchDir, o.Packing, s.PackSize)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	b, err := build(ctx, IngestRequest{Source: src, Progress: progress}, building{params: o.Chunker, store: t, memory: s.blocks()})
	if err != nil {
		return res, err
	}
	if err := t.finish(); err != nil {
		return res, err
	}
	return EstimateResult{
		Files: b.files, Bytes: b.bytes, UniqueBytes: b.newBytes, StoredBytes: t.stored,
		Chunks: b.chunks, NewChunks: b.newChunks, Seconds: time.Since(start).Seconds(),
		Problems: b.problems.listed, Skipped: b.skipped.listed,
		MoreProblems: b.problems.more(), MoreSkipped: b.skipped.more(),
	}, nil
}

// Scanned is a source that was read as if it were a version, without a store:
// its tree can be compared, its file contents cannot be read. Close it.
type Scanned struct {
	root         manifest.Entry
	chunks       *tryChunks
	Problems     []source.Report
	MoreProblems int64 // not listed
}

// Scan reads src. p must be the chunker parameters of the store whose versions
// it is to be compared with, so that equal contents get equal ids. Of the
// settings it is MemoryBytes that counts.
func Scan(ctx context.Context, src source.Source, p chunker.Params, s Settings, scratchDir string) (*Scanned, error) {
	s.ensureDefaults()
	if err := checkMemory(p, &s); err != nil {
		return nil, err
	}
	t, err := newTryChunks(nil, scratchDir, Packing{}, 0)
	if err != nil {
		return nil, err
	}
	t.keepNodes = true
	b, err := build(ctx, IngestRequest{Source: src}, building{params: p, store: t, memory: s.blocks()})
	if err != nil {
		return nil, errors.Join(err, t.close())
	}
	return &Scanned{b.rootEntry, t, b.problems.listed, b.problems.more()}, nil
}

// Root is the entry of the source's root directory.
func (s *Scanned) Root() manifest.Entry { return s.root }

// Source reads the tree's nodes.
func (s *Scanned) Source() manifest.Source { return s }

// Chunk implements manifest.Source for nodes.
func (s *Scanned) Chunk(_ context.Context, kind chunker.Kind, id chunker.ID) ([]byte, error) {
	b, ok, err := s.chunks.seen.Get(id[:])
	if err == nil && (!ok || !kind.IsNode()) {
		err = fmt.Errorf("%w: %s %s of a scanned source", registry.ErrNotFound, kind, id)
	}
	return b, err
}

// Close removes the temporary files.
func (s *Scanned) Close() error { return s.chunks.close() }
