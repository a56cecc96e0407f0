// Package scrub finds damage. It walks every published version's graph and
// checks that each node and chunk is located in a pack that is there, and,
// asked to read data, that every byte of every object is what it was.
package scrub

import "github.com/artifortress/afs-engine/chunker"

// Options choose how thorough a scrub is. The zero value checks structure.
type Options struct {
	ReadData bool    // read and check every byte of every pack
	Percent  float64 // with ReadData: of the packs, chosen at random; 0 means all
	Progress func(doneBytes, totalBytes int64)
}

// Problem is one piece of damage. Fields that do not apply are zero.
type Problem struct {
	Object string     `json:"object,omitempty"` // key in the store
	Offset int64      `json:"offset"`           // bytes into the object; -1: not known
	Chunk  chunker.ID `json:"chunk,omitzero"`
	Reason string     `json:"reason"`

	Lost       []chunker.ID `json:"lost,omitempty"` // chunks and nodes that cannot be read because of it
	LostChunks int64        `json:"lost_chunks"`    // how many; Lost may be cut short

	Affected []Affected `json:"affected,omitempty"` // what is lost to readers
	Versions int64      `json:"versions"`           // how many versions; Affected may be cut short
}

// Affected names a path that depends on something damaged.
type Affected struct {
	Ref  string `json:"ref"`
	Path string `json:"path"`
}

// Result counts what was checked.
type Result struct {
	Versions int64   `json:"versions"`
	Nodes    int64   `json:"nodes"`
	Chunks   int64   `json:"chunks"`
	Packs    int64   `json:"packs"`
	Bytes    int64   `json:"bytes_read"`
	Problems int64   `json:"problems"`
	Seconds  float64 `json:"seconds"`
}
