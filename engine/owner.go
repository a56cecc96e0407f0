package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"regexp"
	"sync"

	"github.com/artifortress/afs-engine/engine/commitlog"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/engine/known"
	"github.com/artifortress/afs-engine/index"
)

// owner is a store's dataplane.Service in this process: it holds the index, and
// appends to the log. Its calls are short, wait for nobody, or for this process's
// packs to be written, so a pause of the gate is short too, but for the rebuild
// that it is for.
type owner struct {
	c        Components
	settings Settings
	config   *config
	writable bool                       // as the config has it, and this user may
	mine     func(index.SessionID) bool // sessions under way in this engine
	gate     gate
	lock     *index.Lock
	server   *dataplane.Server // nil: no other process can come
	proj     projector
	near     *near

	// Changed only while the gate is paused.
	db      *index.DB // nil after a rebuild that could not open it
	known   *known.Cache
	rebuilt dataplane.Rebuilt // the last rebuild, if there was one

	checks chan struct{} // holds one for each pack that is being checked

	mu   sync.Mutex     // one commit at a time
	log  *commitlog.Log //
	dead error          // the index no longer follows the log: only opening again helps
	over chan struct{}  // closed once dead is set
}

var _ dataplane.Owned = (*owner)(nil)

// own makes this process the store's owner. It fails with index.ErrBusy if
// another one is. Others find it from the moment on that it has the lock; until
// the index is at the end of the log, their calls wait.
func own(ctx context.Context, c Components, s Settings, cfg *config, writable bool, mine func(index.SessionID) bool) (_ *owner, err error) {
	o := &owner{c: c, settings: s, config: cfg, writable: writable, mine: mine, over: make(chan struct{}), checks: make(chan struct{}, checksMax), proj: projector{c.Store, cfg.ID, c.Logger}, near: newNear(c.Store, nearMax)}
	if o.lock, err = index.LockDir(c.IndexDir, c.Index); err != nil {
		return nil, err
	}
	if err := o.gate.pause(ctx); err != nil { // does not wait: nobody is inside
		return nil, errors.Join(err, o.shut())
	}
	defer func() {
		if err != nil {
			o.gate.abandon()
			err = errors.Join(err, o.shut())
		}
	}()
	if err := o.listen(); err != nil {
		return nil, err
	}
	o.db, err = o.lock.Open()
	if errors.Is(err, index.ErrCorrupt) {
		c.Logger.Warn("the index is damaged: making it anew", "error", err)
		o.db, err = o.freshIndex()
	}
	if err != nil {
		return nil, err
	}
	if err := o.start(ctx); err != nil {
		return nil, err
	}
	o.gate.resume()
	return o, nil
}

// listen lets other processes come, if the store is shared.
func (o *owner) listen() error {
	if o.c.RuntimeDir == "" {
		return nil
	}
	lis, err := dataplane.Listen(o.c.RuntimeDir, o.c.IndexDir, o.config.ID)
	if err != nil {
		o.c.Logger.Warn("other processes will find the store busy", "error", err)
		return nil
	}
	o.server, err = dataplane.Serve(lis, o, o.c.serving(o.config.ID))
	return err
}

// start brings the index to the end of the log.
func (o *owner) start(ctx context.Context) error {
	rebuilt := false
	pos, writer, err := o.proj.catchUp(ctx, o.db)
	if errors.Is(err, errForeignIndex) {
		o.c.Logger.Info("the index is not of this store's log: rebuilding it", "reason", err)
		pos, writer, err = o.rebuildRows(ctx, o.db.Made())
		rebuilt = true
	}
	if err != nil {
		return err
	}
	if err := o.follow(pos, writer); err != nil {
		return err
	}
	return o.recover(ctx, rebuilt)
}

// follow goes on from pos.
func (o *owner) follow(pos commitlog.Position, writer commitlog.WriterID) (err error) {
	// The log may say, after the config was written, that it needs a newer writer.
	o.writable = o.writable && pos.ReadOnly == 0
	o.log = commitlog.New(o.c.Store, pos, writer, o.c.Now)
	o.known, err = known.Open(o.db, o.c.Now)
	return err
}

// recover ends what dead processes left: packs that they had sealed are taken
// into the store, so that nobody need store their chunks again. A rebuilt index
// has forgotten whether there were any, and so looks.
func (o *owner) recover(ctx context.Context, rebuilt bool) error {
	sessions, err := o.db.Sessions()
	if err != nil || !o.writable {
		return err
	}
	for id, s := range sessions {
		if s.Alive(o.c.Now()) && (s.PID != os.Getpid() || o.mine(id)) {
			delete(sessions, id)
		}
	}
	if len(sessions) == 0 && !rebuilt {
		return nil
	}
	n, all, err := o.adopt(ctx)
	if err != nil {
		// Reading needs none of this, and the sessions stay for the next time.
		o.c.Logger.Warn("what an interrupted ingest left could not be taken in", "error", err)
		return ctx.Err()
	}
	if n > 0 {
		o.c.Logger.Info("kept the packs of an interrupted ingest", "packs", n)
	}
	o.rebuilt.Adopted = n
	if !all {
		return nil // the sessions stay, as above
	}
	for id := range sessions {
		if err := o.db.EndSession(id); err != nil {
			return err
		}
	}
	return nil
}

// Close leaves the store: clients are hung up on, calls under way end. It may
// first write a checkpoint, so that a later rebuild has less to read.
func (o *owner) Close() error {
	o.checkpoint()
	err := o.hangUp()
	o.gate.close()
	return errors.Join(err, o.shut())
}

// checkpoint writes one if it is due. Others can still read meanwhile.
func (o *owner) checkpoint() {
	ctx := context.Background()
	if o.enter(ctx) != nil {
		return
	}
	defer o.gate.leave()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.writable || o.dead != nil {
		return
	}
	if err := o.checkpointIfDue(ctx); err != nil {
		o.c.Logger.Warn("no checkpoint was written", "error", err)
	}
}

// Over implements dataplane.Owned.
func (o *owner) Over() <-chan struct{} { return o.over }

// fail says that the owner cannot go on, and why. The caller holds mu, or has
// paused the gate.
func (o *owner) fail(err error) error {
	if o.dead == nil {
		o.dead = fmt.Errorf("%w: %w", dataplane.ErrOver, err)
	}
	select {
	case <-o.over: // a rebuild has helped since
	default:
		close(o.over)
	}
	return o.dead
}

// hangUp ends the connections of other processes.
func (o *owner) hangUp() error {
	if o.server == nil {
		return nil
	}
	dataplane.Withdraw(o.c.IndexDir)
	err := o.server.Close()
	o.server = nil
	return err
}

// shut gives back what an owner holds.
func (o *owner) shut() error {
	err := o.hangUp()
	if o.db != nil {
		err = errors.Join(err, o.db.Close())
	}
	return errors.Join(err, o.lock.Close())
}

// Rebuild implements dataplane.Keeper. After one that failed all calls do.
func (o *owner) Rebuild(ctx context.Context) (dataplane.Rebuilt, error) {
	if err := o.gate.pause(ctx); err != nil {
		return dataplane.Rebuilt{}, err
	}
	defer o.gate.resume()
	pos, writer, err := o.rebuildRows(ctx, false)
	if err == nil {
		err = o.follow(pos, writer)
	}
	if err == nil && o.writable {
		o.rebuilt.Adopted, _, err = o.adopt(ctx)
	}
	if err == nil {
		o.dead = nil
		return o.rebuilt, nil
	}
	if o.db != nil { // half an index: what it lacks must not be taken for absent
		err = errors.Join(err, o.db.Close())
		o.db = nil
	}
	return o.rebuilt, o.fail(fmt.Errorf("the index could not be made anew: %w", err))
}

// rebuildRows replaces the index by one projected from the store, or makes it
// that if it has just been made and nothing is in it.
func (o *owner) rebuildRows(ctx context.Context, empty bool) (commitlog.Position, commitlog.WriterID, error) {
	var writer commitlog.WriterID
	if _, err := rand.Read(writer[:]); err != nil {
		return commitlog.Position{}, writer, err
	}
	db := o.db
	o.db = nil
	if db != nil && !empty {
		if err := db.Close(); err != nil {
			return commitlog.Position{}, writer, err
		}
	}
	fresh := func() (*index.DB, error) {
		if empty {
			empty = false
			return db, nil
		}
		return o.freshIndex()
	}
	db, pos, result, err := o.proj.rebuild(ctx, fresh, writer)
	o.db, o.rebuilt = db, result
	return pos, writer, err
}

func (o *owner) freshIndex() (*index.DB, error) {
	if err := checkIndexDir(o.c.IndexDir); err != nil {
		return nil, err
	}
	if err := o.lock.Remove(); err != nil {
		return nil, fmt.Errorf("remove the old index: %w", err)
	}
	return o.lock.Open()
}

// indexFile matches the names of the files that an index consists of.
var indexFile = regexp.MustCompile(`^(LOCK|OWNER(\.new)?|CURRENT|(MANIFEST|OPTIONS)-\d+|(marker|temporary)\..*|\d+(-\d+)?\.(log|sst|blob|dbtmp))$`)

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
