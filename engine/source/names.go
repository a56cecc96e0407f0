package source

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"

	"github.com/artifortress/afs-engine/index/scratch"
)

// names returns the names of f in byte order. Names that would exceed the
// walk's limit are sorted on disk; an error is about that. If f cannot be read
// to its end, that is a problem and the names are those that came before it.
// release gives back what they take.
func (w *walker) names(f *folder) (names iter.Seq2[string, error], release func(), err error) {
	var list []string
	var disk []byte // the prefix of this directory's names, if on disk
	sum, unread := w.each(f, func(name string) bool {
		if disk == nil && w.held+len(list) >= w.limits.names {
			disk, err = w.spill(list)
			list = nil
		}
		switch {
		case err != nil:
		case disk != nil:
			err = w.sorting.Put(append(disk, name...), nil)
		default:
			list = append(list, name)
		}
		return err == nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("sort names: %w", err)
	}
	if unread != nil {
		w.problem(f, "", Reason(unread))
	}
	f.names = sum
	if disk != nil {
		return sortedOnDisk(w.sorting, disk), w.unspill, nil
	}
	slices.Sort(list)
	list = slices.Compact(list)
	w.held += len(list)
	return sortedInMemory(list), func() { w.held -= len(list) }, nil
}

// each calls fn for the names of f until it returns false, and returns a
// fingerprint of those that the filter could let through.
func (w *walker) each(f *folder, fn func(name string) bool) (sum uint64, err error) {
	for name, err := range f.dir.Names() {
		if err != nil {
			return sum, err
		}
		if !fn(name) {
			return sum, nil
		}
		if !f.excludes(name) {
			sum += maphash.String(w.seed, name)
		}
	}
	return sum, nil
}

// checkNames reports names that came or went while f was walked, which may be
// a file renamed from where the walk had not been yet to where it had been.
func (w *walker) checkNames(f *folder) {
	if f.dir == nil || w.ctx.Err() != nil {
		return
	}
	info, err := f.dir.Stat()
	if err == nil && info.Unchanged(f.info) {
		return
	}
	var sum uint64
	if err == nil {
		sum, err = w.each(f, func(string) bool { return true })
	}
	if err != nil {
		w.problem(f, "", Reason(err))
	} else if sum != f.names {
		w.problem(f, "", "names in it changed while it was read")
	}
}

// spill moves names to disk and returns the prefix of their keys. What it
// opens is closed by unspill or, after an error, with the walker.
func (w *walker) spill(names []string) (prefix []byte, err error) {
	if w.sorting == nil {
		if w.sorting, err = w.o.scratch(); err != nil {
			return nil, err
		}
	}
	w.spilled++
	w.serial++
	prefix = binary.BigEndian.AppendUint64(nil, w.serial)
	for _, name := range names {
		if err := w.sorting.Put(append(prefix, name...), nil); err != nil {
			return nil, err
		}
	}
	return prefix, nil
}

func (w *walker) unspill() {
	if w.spilled--; w.spilled == 0 {
		w.sorting.Close()
		w.sorting = nil
	}
}

func sortedInMemory(names []string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, name := range names {
			if !yield(name, nil) {
				return
			}
		}
	}
}

func sortedOnDisk(m *scratch.Map, prefix []byte) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for item, err := range m.All(prefix) {
			if err != nil {
				yield("", err)
				return
			}
			if !yield(string(item.Key[len(prefix):]), nil) {
				return
			}
		}
	}
}
