// Package scratch is a temporary sorted map for sets and sorts that may be
// larger than memory: the names of a huge directory, the entries of a tar
// stream, the ids that a mark has seen.
//
// A Map begins as a Go map and moves to Pebble, in a temporary directory, once
// it outgrows its memory, so that small uses (nearly all of them) never touch
// the disk. Nothing in it outlives Close: there is no write-ahead log, nothing
// is synced, and Close removes the directory. A process that is killed leaves
// a directory called afs-scratch-* behind, which anyone may delete.
//
// Memory: at most about twice the Map's own, which is DefaultMemory, before the
// move, and after it two memtables and a block cache of as much each (1 MiB at
// least, DefaultMemory at most) and Pebble's bloom filters and block indexes,
// about 2 bytes an entry.
package scratch

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"sync"
)

// DefaultMemory is how many bytes of entries Open keeps before it goes to disk.
const DefaultMemory = 8 << 20

// entryOverhead is what an entry costs in a Go map beside its bytes.
const entryOverhead = 96

// Map is a temporary sorted map. All methods are safe for concurrent use,
// except that nothing may run during or after Close.
type Map struct {
	dir    string // parent of the temporary directory
	memory int    // bytes that mem may hold

	mu   sync.RWMutex
	mem  map[string][]byte // until it outgrows memory, then nil
	used int               // bytes in mem
	disk *disk             // from then on
}

// Item is one entry of a Map.
type Item struct {
	Key, Value []byte
}

// Open returns an empty Map that keeps DefaultMemory in memory and the rest in
// a temporary directory under dir ("" means os.TempDir()), which must exist.
func Open(dir string) (*Map, error) { return OpenMemory(dir, DefaultMemory) }

// OpenMemory is Open with another bound on memory, in bytes; 0 goes to disk
// with the first entry.
func OpenMemory(dir string, memory int) (*Map, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("open scratch space: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("open scratch space: %s is not a directory", dir)
	}
	return &Map{dir: dir, memory: memory, mem: make(map[string][]byte)}, nil
}

// Put sets the value of key. Both are copied.
func (m *Map) Put(key, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.put(key, value)
}

// Add puts key with an empty value if it is not there, and reports whether it
// was new.
func (m *Map) Add(key []byte) (isNew bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok, err := m.get(key); ok || err != nil {
		return false, err
	}
	return true, m.put(key, nil)
}

// Get returns the value of key, and whether there is one. The slice is the
// caller's to read, not to change.
func (m *Map) Get(key []byte) (value []byte, ok bool, err error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.get(key)
}

// Has reports whether key is there.
func (m *Map) Has(key []byte) (bool, error) {
	_, ok, err := m.Get(key)
	return ok, err
}

// All yields the entries whose keys begin with prefix (nil for all) in byte
// order of keys, as they were when the loop began; the loop's body may use the
// Map. An item is valid until the body returns. After an error it stops.
func (m *Map) All(prefix []byte) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		m.mu.RLock()
		if m.disk != nil {
			it, err := m.disk.iterator(prefix)
			m.mu.RUnlock()
			m.disk.yield(it, err, yield)
			return
		}
		items := m.sorted(string(prefix))
		m.mu.RUnlock()
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// Close removes everything.
func (m *Map) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mem = nil
	if m.disk == nil {
		return nil
	}
	return m.disk.close()
}

func (m *Map) get(key []byte) ([]byte, bool, error) {
	if m.disk != nil {
		return m.disk.get(key)
	}
	v, ok := m.mem[string(key)]
	return v, ok, nil
}

func (m *Map) put(key, value []byte) error {
	if m.disk == nil {
		cost := len(key) + entryOverhead
		if old, ok := m.mem[string(key)]; ok {
			cost = -len(old)
		}
		cost += len(value)
		if m.used+cost <= m.memory {
			m.used += cost
			m.mem[string(key)] = bytes.Clone(value)
			return nil
		}
		if err := m.spill(); err != nil {
			return err
		}
	}
	return m.disk.put(key, value)
}

// spill moves what is in memory to disk.
func (m *Map) spill() error {
	d, err := openDisk(m.dir, m.memory)
	if err != nil {
		return err
	}
	for k, v := range m.mem {
		if err := d.put([]byte(k), v); err != nil {
			return errors.Join(err, d.close())
		}
	}
	m.disk, m.mem = d, nil
	return nil
}

func (m *Map) sorted(prefix string) []Item {
	var items []Item
	for k, v := range m.mem {
		if strings.HasPrefix(k, prefix) {
			items = append(items, Item{[]byte(k), v})
		}
	}
	slices.SortFunc(items, func(a, b Item) int { return bytes.Compare(a.Key, b.Key) })
	return items
}
