package index

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// compactions says when Pebble may compact: never before its Open has
// succeeded, because an Open that fails afterwards closes the files under a
// compaction, which then panics where nobody can recover it; and from then on
// as many at once as Pebble asks for.
type compactions struct {
	h  *health
	db pebble.DBForCompaction

	mu      sync.Mutex
	running int
	calls   sync.WaitGroup // of grant, which Unregister waits for
	over    bool
}

var _ pebble.CompactionScheduler = (*compactions)(nil)

// Register implements pebble.CompactionScheduler.
func (c *compactions) Register(_ int, db pebble.DBForCompaction) { c.db = db }

// Unregister implements pebble.CompactionScheduler.
func (c *compactions) Unregister() {
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	c.calls.Wait()
}

// TrySchedule implements pebble.CompactionScheduler. Pebble calls it with its
// mutex held.
func (c *compactions) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.reserve() {
		return false, nil
	}
	return true, granted{c}
}

// UpdateGetAllowedWithoutPermission implements pebble.CompactionScheduler. It
// is called after each flush, just before Pebble tries to schedule what the
// flush has made necessary.
func (c *compactions) UpdateGetAllowedWithoutPermission() {}

// reserve counts one more compaction if it may run. c.mu is held.
func (c *compactions) reserve() bool {
	if c.over || !c.h.opened.Load() || c.running >= c.db.GetAllowedWithoutPermission() {
		return false
	}
	c.running++
	return true
}

// grant starts what Pebble could not when it tried.
func (c *compactions) grant() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	c.calls.Add(1)
	defer c.calls.Done()
	for c.reserve() {
		c.mu.Unlock() // Pebble's own mutex comes first
		waiting, _ := c.db.GetWaitingCompaction()
		accepted := waiting && c.db.Schedule(granted{c})
		c.mu.Lock()
		if !accepted {
			c.running--
			return
		}
	}
}

// granted is one compaction.
type granted struct{ c *compactions }

// Started implements pebble.CompactionGrantHandle.
func (granted) Started() {}

// MeasureCPU implements pebble.CompactionGrantHandle.
func (granted) MeasureCPU(pebble.CompactionGoroutineKind) {}

// CumulativeStats implements pebble.CompactionGrantHandle.
func (granted) CumulativeStats(pebble.CompactionGrantHandleStats) {}

// Done implements pebble.CompactionGrantHandle.
func (g granted) Done() {
	g.c.mu.Lock()
	g.c.running--
	g.c.mu.Unlock()
	g.c.grant()
}
