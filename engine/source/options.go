package source

import (
	"errors"
	"io/fs"
	"time"

	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/filter"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/index/scratch"
)

// ErrChanged says that a file was not the same at the end of reading as at its
// beginning, so that what was read may be a mixture.
var ErrChanged = errors.New("changed while it was read")

// Options are common to all sources. The zero value takes everything as it is.
//
// Setuid, setgid and sticky mean something only together with an owner: they
// are taken if the owner is, otherwise only the permission bits of a mode are.
type Options struct {
	Filter       *filter.Filter // what to leave out; nil takes all
	Reproducible bool           // every mtime is Epoch, every mode 0644 or, for directories and executables, 0755
	Epoch        time.Time      // the time of what has none; zero is 1970
	KeepOwner    bool           // take user and group, by number
	KeepXattrs   bool           // take extended attributes: user.*, and security.capability
	ScratchDir   string         // where sorts go that do not fit in memory; "" is os.TempDir()
	SortMemory   int            // bytes that each of these sorts may hold; 0: scratch.DefaultMemory
}

// scratch opens a map for a sort.
func (o Options) scratch() (*scratch.Map, error) {
	if o.SortMemory == 0 {
		return scratch.Open(o.ScratchDir)
	}
	return scratch.OpenMemory(o.ScratchDir, o.SortMemory)
}

const (
	permissions = 0o777
	allBits     = 0o7777
	execBits    = 0o111
	fileMode    = 0o644
	dirMode     = 0o755
	linkMode    = 0o777 // links have no mode of their own
)

func (o Options) epoch() time.Time {
	if o.Epoch.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return o.Epoch.UTC()
}

// entry is an entry without content, as the options want it.
func (o Options) entry(name string, kind manifest.Kind, mode uint32, mtime time.Time) manifest.Entry {
	e := manifest.Entry{Name: name, Kind: kind}
	e.Exec = kind == manifest.File && mode&execBits != 0
	e.Attr = manifest.Attr{Mode: mode & permissions, MTime: mtime.UTC()}
	if o.KeepOwner {
		e.Attr.Mode = mode & allBits
	}
	if o.Reproducible {
		e.Attr = manifest.Attr{Mode: fileMode, MTime: o.epoch()}
		if kind == manifest.Dir || e.Exec {
			e.Attr.Mode = dirMode
		}
	}
	if kind == manifest.Symlink {
		e.Attr.Mode = linkMode
	}
	return e
}

func kindOf(t dirfd.Type) manifest.Kind {
	switch t {
	case dirfd.Directory:
		return manifest.Dir
	case dirfd.Link:
		return manifest.Symlink
	}
	return manifest.File
}

// Reason is err in the words of a Report, without the path, which the Report
// has already.
func Reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// nameProblem says why a name cannot stand in a manifest, or "".
func nameProblem(name string) string {
	if len(name) > manifest.NameMax {
		return "the name is longer than 255 bytes"
	}
	return ""
}
