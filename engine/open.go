package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"sync"
	"time"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/engine/commitlog"
	"github.com/artifortress/afs-engine/engine/known"
	"github.com/artifortress/afs-engine/index"
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
// then, and two of them are in memory while one is stored.
const packSizeMax = 32 << 20

// Local is an Engine in this process. It owns the index of its store until
// Close.
type Local struct {
	c        Components
	settings Settings
	config   *config
	writable bool
	db       *index.DB
	chunks   *reader
	commits  *committer
	known    *known.Cache
	drafts   turns
	rebuilt  RebuildResult // if opening had to rebuild
	gate     gate
	closed   sync.Once
}

var _ Engine = (*Local)(nil)

// debrisAge is how old an unfinished write must be before it counts as a dead
// writer's.
const debrisAge = 24 * time.Hour

// Open opens the store. It fails with ErrNoStore if there is none, ErrFeature
// if it needs a newer program, index.ErrBusy if another process has it open.
// The index is brought up to date with the log; if it is missing, or is not a
// projection of this store's log, it is made anew.
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
	writable = writable && !c.ReadOnly
	if s, ok := backends.As[backends.Sweeper](c.Store); ok && writable {
		if _, err := s.Sweep(debrisAge); err != nil {
			c.Logger.Debug("what dead writers left in the store stays", "error", err)
		}
	}
	db, err := index.Open(c.IndexDir, c.Index)
	if errors.Is(err, index.ErrCorrupt) {
		c.Logger.Warn("the index is damaged: making it anew", "error", err)
		db, err = freshIndex(c)
	}
	if err != nil {
		return nil, err
	}
	e := &Local{c: c, settings: s, config: cfg, writable: writable, db: db}
	if err := e.start(ctx); err != nil {
		return nil, errors.Join(err, e.closeIndex())
	}
	return e, nil
}

// start brings the index to the end of the log and begins to take commits.
func (e *Local) start(ctx context.Context) error {
	p := projector{e.c.Store, e.config.ID, e.c.Logger}
	rebuilt := false
	pos, writer, err := p.catchUp(ctx, e.db)
	if errors.Is(err, errForeignIndex) {
		e.c.Logger.Info("the index is not of this store's log: rebuilding it", "reason", err)
		pos, writer, err = e.rebuild(ctx)
		rebuilt = true
	}
	if err != nil {
		return err
	}
	// The log may say, after the config was written, that it needs a newer writer.
	e.writable = e.writable && pos.ReadOnly == 0
	e.chunks = newReader(e.c.Store, e.db, e.settings.CacheBytes)
	e.commits = newCommitter(e, commitlog.New(e.c.Store, pos, writer, e.c.Now))
	if e.known, err = known.Open(e.db, e.c.Now); err != nil {
		return err
	}
	return e.recover(ctx, rebuilt)
}

// recover ends what dead processes left: packs that they had sealed
// are taken into the store, so that nobody need store their chunks again.
// A rebuilt index has forgotten whether there were any, and so looks.
func (e *Local) recover(ctx context.Context, rebuilt bool) error {
	sessions, err := e.db.Sessions()
	if err != nil || len(sessions) == 0 && !rebuilt || !e.writable {
		return err
	}
	n, err := e.adopt(ctx)
	if err != nil {
		// Reading needs none of this, and the sessions stay for the next time.
		e.c.Logger.Warn("what an interrupted ingest left could not be taken in", "error", err)
		return ctx.Err()
	}
	if n > 0 {
		e.c.Logger.Info("kept the packs of an interrupted ingest", "packs", n)
	}
	for id := range sessions {
		if err := e.db.EndSession(id); err != nil {
			return err
		}
	}
	return nil
}

// Close waits for calls under way and releases the store. It may first write
// a checkpoint, so that a later rebuild has less to read.
func (e *Local) Close() (err error) {
	e.closed.Do(func() {
		e.gate.close()
		err = e.close()
	})
	return err
}

func (e *Local) close() error {
	err := e.commits.close()
	if err == nil && e.writable && e.db != nil {
		if cerr := e.checkpointIfDue(context.Background()); cerr != nil {
			e.c.Logger.Warn("no checkpoint was written", "error", cerr)
		}
	}
	e.chunks.close()
	return errors.Join(err, e.closeIndex())
}

// closeIndex copes with an index that a failed rebuild could not open again.
func (e *Local) closeIndex() error {
	if e.db == nil {
		return nil
	}
	return e.db.Close()
}

// Info describes the store.
func (e *Local) Info() StoreInfo { return e.config.info() }

// RebuildIndex makes the index anew from the store alone. It waits for calls
// under way; calls made meanwhile fail with ErrClosed, and after a rebuild that
// failed so do all but Close.
func (e *Local) RebuildIndex(ctx context.Context) (RebuildResult, error) {
	start := e.c.Now()
	if !e.gate.close() {
		return RebuildResult{}, ErrClosed
	}
	if err := e.commits.close(); err != nil {
		return RebuildResult{}, err
	}
	e.chunks.close()
	pos, writer, err := e.rebuild(ctx)
	if err != nil {
		return RebuildResult{}, err
	}
	e.chunks = newReader(e.c.Store, e.db, e.settings.CacheBytes)
	e.commits = newCommitter(e, commitlog.New(e.c.Store, pos, writer, e.c.Now))
	if e.known, err = known.Open(e.db, e.c.Now); err != nil {
		return RebuildResult{}, err
	}
	defer e.gate.open()
	if e.writable {
		if e.rebuilt.Adopted, err = e.adopt(ctx); err != nil {
			return e.rebuilt, err
		}
	}
	if err := e.countVersions(&e.rebuilt.Versions); err != nil {
		return e.rebuilt, err
	}
	e.rebuilt.Seconds = e.c.Now().Sub(start).Seconds()
	return e.rebuilt, nil
}

// rebuild replaces the index directory by one projected from the store.
func (e *Local) rebuild(ctx context.Context) (commitlog.Position, commitlog.WriterID, error) {
	var writer commitlog.WriterID
	if _, err := rand.Read(writer[:]); err != nil {
		return commitlog.Position{}, writer, err
	}
	p := projector{e.c.Store, e.config.ID, e.c.Logger}
	if err := e.db.Close(); err != nil {
		return commitlog.Position{}, writer, err
	}
	fresh := func() (*index.DB, error) { return freshIndex(e.c) }
	db, pos, result, err := p.rebuild(ctx, fresh, writer)
	e.db, e.rebuilt = db, result
	return pos, writer, err
}

func freshIndex(c Components) (*index.DB, error) {
	if err := checkIndexDir(c.IndexDir); err != nil {
		return nil, err
	}
	if err := index.Remove(c.IndexDir, c.Index); err != nil {
		return nil, fmt.Errorf("remove the old index: %w", err)
	}
	return index.Open(c.IndexDir, c.Index)
}

// indexFile matches the names of the files that an index consists of.
var indexFile = regexp.MustCompile(`^(LOCK|CURRENT|(MANIFEST|OPTIONS)-\d+|(marker|temporary)\..*|\d+(-\d+)?\.(log|sst|blob|dbtmp))$`)

// checkIndexDir protects what else is in a directory, say a mistyped one, from
// being removed together with the index.
func checkIndexDir(dir string) error {
	names, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, n := range names {
		if n.IsDir() || !indexFile.MatchString(n.Name()) {
			return WithHint(fmt.Errorf("%w: %s holds other things than an index: %s", ErrUsage, dir, n.Name()), "name a directory of its own for the index")
		}
	}
	return err
}
