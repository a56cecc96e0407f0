// Package fault is a store that misbehaves on demand, for the tests of
// everything that stands on a store: errors before or after the effect,
// latency, puts that are torn or lost, reads that are cut short or flipped,
// and a hook at which a test can stop the world.
//
// What goes wrong is a list of rules. Each says for which calls (operation,
// key prefix, how many to let pass, how many to hit) and what happens. All
// rules that match a call apply, in order, so that Tear(100) and
// FailAfter(err) together are a torn write that also failed. Without rules the
// store is the one inside, and passes the same contract suite.
package fault

import (
	"errors"
	"strings"
	"sync"

	"github.com/artifortress/afs-engine/backends"
)

// ErrInjected is an error for tests that do not care which one.
var ErrInjected = errors.New("injected fault")

// Op is one of a store's methods.
type Op uint8

// The operations. Any, the zero value, matches all of them.
const (
	Any Op = iota
	Put
	Get
	Stat
	List
	Delete
)

// String is the method's name.
func (o Op) String() string {
	if names := [...]string{"Any", "Put", "Get", "Stat", "List", "Delete"}; int(o) < len(names) {
		return names[o]
	}
	return "unknown"
}

// Call is one call of a store's method.
type Call struct {
	Op  Op
	Key string // List: the prefix
}

// Rule says what happens to which calls. Of the calls that match Op and
// Prefix, the first Skip pass, the next Times are hit, the others pass.
type Rule struct {
	Op     Op     // Any: all
	Prefix string // of the call's key
	Skip   int    // let so many matching calls pass first
	Times  int    // then hit so many; 0: all that follow
	Do     Effect
}

// Store is the decorator. Safe for concurrent use; which of several concurrent
// calls is the nth is then up to the scheduler.
type Store struct {
	inner backends.Store

	mu    sync.Mutex
	rules []Rule
	seen  []int // per rule, matching calls so far
}

var (
	_ backends.Store     = (*Store)(nil)
	_ backends.Unwrapper = (*Store)(nil)
)

// New wraps inner.
func New(inner backends.Store, rules ...Rule) *Store {
	s := &Store{inner: inner}
	s.Set(rules...)
	return s
}

// Set replaces the rules and counts anew; Set() heals the store. Calls under
// way keep the rules they began with.
func (s *Store) Set(rules ...Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules, s.seen = rules, make([]int, len(rules))
}

// Unwrap returns the store inside.
func (s *Store) Unwrap() backends.Store { return s.inner }

// effects counts the call and returns what shall happen to it, in order.
func (s *Store) effects(c Call) []Effect {
	s.mu.Lock()
	defer s.mu.Unlock()
	var hit []Effect
	for i, r := range s.rules {
		if r.Op != Any && r.Op != c.Op || !strings.HasPrefix(c.Key, r.Prefix) {
			continue
		}
		n := s.seen[i]
		s.seen[i]++
		if n >= r.Skip && (r.Times == 0 || n < r.Skip+r.Times) {
			hit = append(hit, r.Do)
		}
	}
	return hit
}
