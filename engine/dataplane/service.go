// Package dataplane is a store's chunk-level service: what is there, where it
// is, and what is to be committed. An engine does all its work through a
// Service and cannot tell whether that is in its own process or in another.
//
// One process at a time is a store's owner: it holds the index and carries out
// commits. Shared makes a Service of that for every process of a machine: the
// first to come becomes the owner, the others reach it over a Unix socket, and
// when it goes, one of them takes its place. No bytes of artifacts pass through
// the owner: clients read packs from the store, put their own there, and hand
// in only their names; the owner checks a pack that its own program did not make
// before it believes what its index says.
//
// Every call can be made again without harm when nobody knows whether it was
// carried out, since its effect is named by what it is given: chunk ids, pack
// ids, the content of a version. That is what makes it possible to go on under
// another owner in the middle of an ingest. Calls are bounded: lists by the
// limits below, and anything longer is asked for page by page, so a client that
// stops reading holds nothing but its own connection.
package dataplane

import (
	"context"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/known"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/source"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// Limits of a call. Callers with more make several.
const (
	IDsMax   = 4096      // ids or frames
	PageMax  = 256 << 10 // bytes of rows in a page, but at least one row
	FilesMax = 256       // files; a path is at most 4,096 bytes
	GroupMax = 256       // packs, or transitions, of a group
)

// Service is the owner's part of an engine. All methods are safe for concurrent
// use. Results that are slices are filled in by position.
type Service interface {
	Chunks
	Rows
	Files
	Commits
	Keeper
}

// Chunks answers for chunks and nodes.
type Chunks interface {
	// Has says which of ids are in the index. A false one may come at any moment.
	Has(ctx context.Context, ids []chunker.ID, have []bool) error

	// Lookup finds ids, which may be in any order. A location is good as long as
	// its pack is in the store; when that has gone, looking it up again gives
	// another, or none. Its Refs may be 0.
	Lookup(ctx context.Context, ids []chunker.ID, found []Place) error

	// Frames says where frames are.
	Frames(ctx context.Context, frames []FrameID, places []FramePlace) error
}

// Place is where a chunk is, if it is found.
type Place struct {
	index.Location
	Found bool
}

// FrameID names a frame by numbers of the index.
type FrameID struct{ Pack, Frame uint32 }

// FramePlace is a frame and the pack that holds it.
type FramePlace struct {
	Pack packfile.ID
	packfile.Frame
}

// Rows gives out the registry's rows, as registry.Reader has them.
type Rows interface {
	Get(ctx context.Context, key []byte) (value []byte, ok bool, err error)

	// Page returns the first rows from from on whose keys begin with prefix, about
	// size bytes of them, at most PageMax. If more is true there are more after
	// the last of them.
	Page(ctx context.Context, prefix, from []byte, size int) (rows []Row, more bool, err error)
}

// Row is one of the registry's.
type Row struct{ Key, Value []byte }

// Files is the memory of files that were read before.
type Files interface {
	// Known finds what was in files, if the store has all of it. keep says that
	// what is found is of use.
	Known(ctx context.Context, ids []source.Identity, t known.Trust, keep bool, found []KnownFile) error

	// Learn remembers files.
	Learn(ctx context.Context, files []LearntFile) error
}

// KnownFile is what is in a file, if that is known.
type KnownFile struct {
	known.File
	Found bool
}

// LearntFile is what was in a file when it was read from Began on.
type LearntFile struct {
	ID    source.Identity
	File  known.File
	Began time.Time
}

// Commits changes the store.
type Commits interface {
	// Renew begins or renews the session s: an ingest that is under way and may
	// have put packs into the store that no record names yet.
	// pid is the process whose ingest it is; a client's own, whatever it says.
	Renew(ctx context.Context, s index.SessionID, pid int) error

	// End ends a session.
	End(ctx context.Context, s index.SessionID) error

	// Commit makes a group durable, then visible: packs that are in the store, or
	// on their way there, and transitions, each decided on the state that the ones before it lead to.
	// Once it has begun it is carried out even if ctx ends.
	// There is an outcome for each transition; err is about the whole group, and
	// then nothing of it holds.
	Commit(ctx context.Context, g *Group) ([]Outcome, error)
}

// Keeper looks after the index as a whole.
type Keeper interface {
	// State describes the store as of now.
	State(ctx context.Context) (State, error)

	// Packs returns packs of the index by number, from from on. If more is true
	// there are more after the last of them.
	Packs(ctx context.Context, from uint32) (packs []NumberedPack, more bool, err error)

	// Rebuild makes the index anew from the store alone. Other calls wait.
	Rebuild(ctx context.Context) (Rebuilt, error)
}

// State is where a store stands.
type State struct {
	Writable bool
	Meta     index.Meta
	Totals   index.Totals
}

// NumberedPack is a pack with its number in the index.
type NumberedPack struct {
	Number uint32
	index.Pack
}

// Rebuilt says what a rebuild read.
type Rebuilt struct {
	Records    int64  `json:"records"`    // log records applied
	Packs      int64  `json:"packs"`      // pack index blocks read
	Checkpoint uint64 `json:"checkpoint"` // sequence started from; 0: none
	Adopted    int64  `json:"adopted"`    // sealed packs that no record named, added to the log
}

// Group is what becomes durable at once.
type Group struct {
	Packs       []Pack // what a node of one refers to is in the index, or in one before it or itself
	Transitions []Transition

	// Stored waits until the packs are in the store, from whoever stores them in
	// this process; nil: they are. It may be called again, at any time.
	Stored func() error `cbor:"-"`
}

// Wait waits until the packs are in the store, and says why if they do not get
// there.
func (g *Group) Wait() error {
	if g.Stored == nil {
		return nil
	}
	return g.Stored()
}

// Pack is a pack that is in the store, or on its way there.
type Pack struct {
	ID   packfile.ID
	Size int64 // bytes

	// Index is its index, from whoever made it in this process. Without it the
	// pack is read and checked, or only its index is if it is Believed.
	Index    *packfile.Index `cbor:"-"`
	Believed bool            `cbor:"-"`
}

// Transition is a change of a version's or a tag's state, as data.
type Transition struct {
	Kind   TransitionKind
	Ref    registry.Ref
	Actor  string
	Client string

	Version *registry.Version // Publish, Draft: what to publish or keep
	Base    uint64            // Draft: sequence of the draft that it was made from; 0: none
	Adding  bool              // Draft: it adds to that; else it is what an ingest with holes leaves
	Labels  map[string]string // PublishDraft: for the draft's, where it has none of the name
	Tags    []string          // Publish, PublishDraft: tags to move; Tag: the one
	Again   bool              // it may have been carried out before; so a Discard that finds nothing has succeeded
}

// TransitionKind says what a Transition does. The numbers are those of the
// protocol.
type TransitionKind int

// The kinds of transitions.
const (
	Publish      TransitionKind = iota + 1 // new content, under a name
	PublishDraft                           // what a draft holds
	Draft                                  // new content, as a draft
	Discard                                // forget a draft
	Tag                                    // make a tag point at a version
)

// Outcome is what came of a Transition.
type Outcome struct {
	State   string            // reached: published, draft, unchanged
	Version *registry.Version // PublishDraft: what was published
	Err     error             `cbor:"-"` // why it was refused; then nothing has changed
}
