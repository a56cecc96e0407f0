package registry

import (
	"time"

	"github.com/artifortress/afs-engine/engine/manifest"
)

// State is where a version stands in its life: draft → published → tombstoned.
type State uint8

// The states. The numbers are wire format.
const (
	Draft      State = 1 // being put together; seen by its writers only
	Published  State = 2 // immutable, visible
	Tombstoned State = 3 // hidden; its name stays taken
)

// String is the state in one word.
func (s State) String() string {
	switch s {
	case Draft:
		return "draft"
	case Published:
		return "published"
	case Tombstoned:
		return "tombstoned"
	}
	return "unknown"
}

// Version is what the registry knows of one version.
type Version struct {
	Ref        Ref               // its name; never a tag, no path
	State      State             //
	Root       manifest.Root     //
	Summary    manifest.Summary  // of the root directory
	Time       time.Time         // of the publish; for a draft, of its last change
	Labels     map[string]string //
	Actor      string            // who published: user@host
	Client     string            // with which program: name/version
	Incomplete []string          // paths that could not be read, if published all the same
	Sequence   uint64            // of the log record that made this state
}

// NameKind says what a Name is.
type NameKind uint8

// What can stand under a path of the registry.
const (
	Group       NameKind = iota + 1 // a repo, or a segment of package names
	VersionName                     // REPO/PACKAGE@VERSION
	TagName                         // REPO/PACKAGE@TAG, another name of a version
)

// Name is one name in the registry's own hierarchy, which a mount mirrors:
// groups hold groups and versions.
type Name struct {
	Path    string   // full: "go", "go/toolchain" or "go/toolchain@1.26.0"
	Kind    NameKind //
	Package bool     // Group, from FindName: versions stand directly under this name
	Version *Version // VersionName: the published version; TagName: the one it points at
}

// EventKind says what happened.
type EventKind string

// The events of a package's history.
const (
	EventDraft     EventKind = "draft"
	EventDiscard   EventKind = "discard"
	EventPublish   EventKind = "publish"
	EventTag       EventKind = "tag"
	EventTombstone EventKind = "tombstone"
)

// Event is one line of a package's history: what a log record says.
type Event struct {
	Sequence uint64    // of the record's group
	Time     time.Time //
	Kind     EventKind //
	Ref      Ref       // the version or, for EventTag, the tag
	Target   string    // EventTag: the version it points at now
	Actor    string    //
	Version  *Version  // EventPublish, EventDraft: what it was
}
