package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/index/scratch"
)

// Components are what an engine is made of. Store and IndexDir are required.
type Components struct {
	Store    backends.Store
	IndexDir string           // where the index lives; made if absent, rebuilt if it is not the store's
	Index    index.Options    // how it is opened
	Logger   *slog.Logger     // nil: silent
	Now      func() time.Time // nil: time.Now
	Actor    string           // who publishes, for the log: user@host
	Client   string           // with which program: name/version
	ReadOnly bool             // nothing is written to Store; calls that would fail with ErrReadOnly

	// RuntimeDir is where a socket goes that other processes reach this one
	// through, and this one them: a short path, of this user alone; made if
	// absent. "": the store is this engine's alone, or Open fails with
	// index.ErrBusy.
	RuntimeDir string

	// TrustTwins has this engine, when others of the store come to it, believe
	// what those that run the same executable as the same user say of the packs
	// that they have made. Other packs are read and checked whole.
	TrustTwins bool
}

// Settings tune an engine. The zero value works; sizes are bytes.
type Settings struct {
	MemoryBytes       int64 // what the process should get along with; 0: MemoryDefault
	PackSize          int64 // a pack is sealed when it reaches this; 0: as MemoryBytes allows, at most 32 MiB
	CacheBytes        int64 // decoded frames kept for readers; 0: as MemoryBytes allows
	CheckpointRecords int   // write a checkpoint on Close after this many groups; 0: 256
	SessionLease      time.Duration
}

// MemoryDefault and MemoryMin are for Settings.MemoryBytes.
const (
	MemoryDefault = 256 << 20
	MemoryMin     = 128 << 20
	memoryFixed   = 64 << 20 // of it, for the program, encoders, and the collector's delay
)

// share is a part of what is left to plan with, in bytes.
func (s *Settings) share(of int64) int64 { return (s.MemoryBytes - memoryFixed) / of }

// blocks is for the large blocks of one ingest, blocksMax for all blocks of all
// that run at once.
func (s *Settings) blocks() int64    { return s.share(12) }
func (s *Settings) blocksMax() int64 { return s.share(3) }

// SortMemory is for the source.Options of what is ingested with these settings.
func (s Settings) SortMemory() int {
	s.ensureDefaults()
	return int(min(s.share(24), scratch.DefaultMemory))
}

// packRows is how many rows of the index a pack may make or change: as many as
// are worth while at the default memory, fewer with less.
func (s *Settings) packRows() int { return int(min(s.share(1536), entriesMax)) }

func (s *Settings) ensureDefaults() {
	if s.MemoryBytes == 0 {
		s.MemoryBytes = MemoryDefault
	}
	s.MemoryBytes = max(s.MemoryBytes, MemoryMin)
	if s.PackSize == 0 {
		s.PackSize = min(s.share(6), packSizeMax)
	}
	if s.CacheBytes == 0 {
		s.CacheBytes = s.share(4)
	}
	if s.CheckpointRecords == 0 {
		s.CheckpointRecords = 256
	}
	if s.SessionLease == 0 {
		s.SessionLease = time.Hour
	}
}

// packSizeMax is as large as packs need be: their number no longer matters
// then, and two of them are in memory while one is stored, if the store does not take
// them as they are made.
const packSizeMax = 32 << 20

// Local is an Engine on a store that this process can reach by itself. Its index
// is in this process, or in another one that has the store open, too, and it
// changes sides as processes come and go.
type Local struct {
	c        Components
	settings Settings
	config   *config
	plane    dataplane.Service
	leave    func() error // the plane
	rows     rows
	chunks   *reader
	commits  *committer
	drafts   turns
	sessions sessions
	ingests  *semaphore.Weighted // bytes of blocks, see enterIngest
	gate     gate
	closed   sync.Once
}

var _ Engine = (*Local)(nil)

// debrisAge is how old an unfinished write must be before it counts as a dead
// writer's.
const debrisAge = 24 * time.Hour

// Open opens the store. It fails with ErrNoStore if there is none, ErrFeature
// if it needs a newer program, index.ErrBusy if another process has it open and
// does not share it. The index is brought up to date with the log; if it is
// missing, or is not a projection of this store's log, it is made anew.
func Open(ctx context.Context, c Components, s Settings) (*Local, error) {
	s.ensureDefaults()
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Index.MemoryBytes == 0 {
		c.Index.MemoryBytes = s.share(6)
	}
	cfg, writable, err := readConfig(ctx, c.Store)
	if err != nil {
		return nil, err
	}
	e := &Local{c: c, settings: s, config: cfg}
	if err := e.join(ctx, writable && !c.ReadOnly); err != nil {
		return nil, err
	}
	e.rows = rows{context.WithoutCancel(ctx), e.plane}
	e.chunks = newReader(c.Store, e.plane, s.CacheBytes)
	e.commits = newCommitter(e)
	e.ingests = semaphore.NewWeighted(s.blocksMax())
	return e, nil
}

// join finds the store's owner, or becomes it.
func (e *Local) join(ctx context.Context, writable bool) error {
	become := func(ctx context.Context) (dataplane.Owned, error) {
		if s, ok := backends.As[backends.Sweeper](e.c.Store); ok && writable {
			if _, err := s.Sweep(debrisAge); err != nil {
				e.c.Logger.Debug("what dead writers left in the store stays", "error", err)
			}
		}
		o, err := own(ctx, e.c, e.settings, e.config, writable, e.sessions.has)
		if err != nil {
			return nil, err // not a nil *owner
		}
		return o, nil
	}
	if e.c.RuntimeDir == "" {
		o, err := become(ctx)
		if err == nil {
			e.plane, e.leave = o, o.Close
		}
		return err
	}
	s, err := dataplane.Share(ctx, dataplane.Sharing{Own: become, IndexDir: e.c.IndexDir, Serving: e.c.serving(e.config.ID)})
	if err == nil {
		e.plane, e.leave = s, s.Close
	}
	return err
}

// serving is what owner and clients tell each other.
func (c *Components) serving(id string) dataplane.Serving {
	return dataplane.Serving{Store: id, Program: c.Client, Twins: c.TrustTwins, Logger: c.Logger, Errors: dataplane.Errors{
		Named: namedErrors(), Hint: hintGiven, WithHint: WithHint,
	}}
}

// Close waits for calls under way and leaves the store.
func (e *Local) Close() (err error) {
	e.closed.Do(func() {
		e.gate.close()
		err = e.commits.close()
		e.chunks.close()
		err = errors.Join(err, e.leave())
	})
	return err
}

// Serve keeps the store attended until ctx ends: other processes find it open,
// and this one is its owner as soon as no other is. It needs a RuntimeDir.
func (e *Local) Serve(ctx context.Context) error {
	if err := e.gate.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	s, ok := e.plane.(*dataplane.Shared)
	if !ok {
		return fmt.Errorf("%w: the store is not shared", ErrUsage)
	}
	return s.Stay(ctx)
}

// Info describes the store.
func (e *Local) Info() StoreInfo { return e.config.info() }

// RebuildIndex implements Keeper. Other calls, of other processes too, wait
// while the index is away.
func (e *Local) RebuildIndex(ctx context.Context) (res RebuildResult, err error) {
	if err := e.gate.enter(ctx); err != nil {
		return res, err
	}
	defer e.gate.leave()
	start := e.c.Now()
	if res.Rebuilt, err = e.plane.Rebuild(ctx); err != nil {
		return res, err
	}
	err = registry.ListVersions(e.rows.with(ctx), "", registry.Published, func(*registry.Version) error { res.Versions++; return nil })
	res.Seconds = e.c.Now().Sub(start).Seconds()
	return res, err
}
