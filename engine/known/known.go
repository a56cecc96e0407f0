// Package known remembers what was in files, so that one that nothing has
// touched since is taken without being read.
//
// What is remembered of a file is its source.Identity and the manifest.Content
// that its bytes became. Two rules make that safe to believe:
//
//   - A file is remembered only if its ctime was Settle or more in the past when
//     its reading began, and nothing touched it while it was read. Whatever
//     writes to it afterwards gives it another ctime, because the tick of the
//     clock that the old one was taken from is over.
//   - It is known again only if path, device, inode, size, mtime and ctime agree
//     (or what the user asked for instead, see Trust).
//
// The content is believed, not that it is stored: whoever uses it makes sure
// that the store has every chunk that it names. So no harm is done if a crash
// leaves a file remembered whose chunks were lost.
//
// What is remembered lies in local rows of the index: it belongs to one machine
// and one store, and a rebuild of the index forgets it. There are two
// generations of rows. New ones, and old ones that were of use, go into the
// younger; once it is full or of age it becomes the older, and the one that was
// the older is dropped as a whole. So what is not met for a generation is
// forgotten, the space is bounded, and nothing has to be swept.
package known

import (
	"time"

	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/source"
)

// Settle is for how long nothing must have touched a file before it can be
// remembered. It covers the coarsest clocks of file systems (FAT: 2 s).
const Settle = 2 * time.Second

// Bounds of a generation: past one of them the next begins.
const (
	rowsMax = 4 << 20 // a row takes some 150 bytes
	ageMax  = 30 * 24 * time.Hour
)

// File is what was in a file.
type File struct {
	Content manifest.Content
	Size    int64 // bytes
	Chunks  int64 // chunks in Content: runs of zeros are none

	old []byte // its row, if it is of the older generation
}

// Trust says what must agree before a file is taken without being read, besides
// its path.
type Trust int

// The degrees of trust.
const (
	Stat      Trust = iota // device, inode, size, mtime and ctime: nothing is missed
	MTimeSize              // mtime and size, for fresh checkouts: a change that keeps both is missed
	Nothing                // read every file
)

// agree reports whether a file that was once described by was is the same now.
func (t Trust) agree(was, now source.Identity) bool {
	switch t {
	case Stat:
		return was.Size == now.Size && was.MTime.Equal(now.MTime) &&
			was.Dev == now.Dev && was.Ino == now.Ino && was.CTime.Equal(now.CTime)
	case MTimeSize:
		return was.Size == now.Size && was.MTime.Equal(now.MTime)
	}
	return false
}
