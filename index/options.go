package index

import (
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options configure an index; the zero value works.
type Options struct {
	// MemoryBytes bounds what Pebble holds: a quarter for rows not yet in
	// tables, as much again while these are written, the rest for blocks of
	// tables. 0 means 32 MiB, and less than 2 MiB as much. The filter comes on
	// top, see DB.Has.
	MemoryBytes int64
	FS          vfs.FS // where the index lives; nil means the operating system's files
}

const (
	memoryDefault = 32 << 20
	memoryMin     = 2 << 20
	memtableMax   = 64 << 20 // more does not make it faster
	openFilesMax  = 256      // tables; 20 million chunks are about 100

	// Every process that writes leaves a table or two that overlap all others. With
	// Pebble's 4 the next one to open the index merges them at once, which takes it
	// longer than what it was opened for.
	overlapping = 8
)

// pebble is how Pebble is set up, without what ties it to its surroundings. It
// takes its memtables' memory from the cache, which must therefore be several
// times as large: else no block is ever cached, and a lookup costs three times
// as much.
func (o Options) pebble() (memory int64, opts *pebble.Options) {
	if memory = max(o.MemoryBytes, memoryMin); o.MemoryBytes == 0 {
		memory = memoryDefault
	}
	opts = &pebble.Options{
		MemTableSize:          uint64(min(memory/4, memtableMax)),
		MaxOpenFiles:          openFilesMax,
		FormatMajorVersion:    pebble.FormatNewest,
		L0CompactionThreshold: overlapping,
		L0StopWritesThreshold: 2 * overlapping,
	}
	opts.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionFastest })
	for i := range opts.Levels[:len(opts.Levels)-1] { // nothing reads those of the last level
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	opts.Levels[len(opts.Levels)-1].FilterPolicy = pebble.NoFilterPolicy
	return memory, opts
}

func (o Options) fs() vfs.FS {
	if o.FS == nil {
		return vfs.Default
	}
	return o.FS
}
