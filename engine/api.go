package engine

import (
	"context"
	"io"
	"iter"
	"sync/atomic"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/engine/known"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/scrub"
	"github.com/artifortress/afs-engine/engine/source"
)

// Engine is a store as its users see it: the verbs of the command line and
// programs that embed it. In this process it is a *Local, from Open. All
// methods are safe for concurrent use.
type Engine interface {
	Writer
	Catalog
	Keeper
	io.Closer
}

// Writer takes content in and moves versions through their states.
type Writer interface {
	// Ingest reads req.Sources, stores what is new, and publishes the result
	// (or leaves a draft). If some of it could not be read, or changed while
	// it was read, nothing is published unless req.AllowIncomplete: what was
	// stored stays a draft, the result lists the problems, and the error is
	// ErrIncomplete. It may wait until others of this engine have ended, as its
	// memory allows: a source must not wait for another ingest itself.
	Ingest(ctx context.Context, req IngestRequest) (*IngestResult, error)

	// Publish turns the draft ref into a published version.
	Publish(ctx context.Context, ref registry.Ref, opts PublishOptions) (*IngestResult, error)

	// Discard forgets the draft ref.
	Discard(ctx context.Context, ref registry.Ref) error

	// Tag makes ref's package's tag name point at the version ref.
	Tag(ctx context.Context, ref registry.Ref, name string) error
}

// Catalog answers for names.
type Catalog interface {
	// Version finds a published version by its version, a tag, or root-HEX.
	// ErrNotFound also covers drafts and tombstoned versions.
	Version(ctx context.Context, ref registry.Ref) (*Version, error)

	// Tree is Version for those who walk it themselves, as a mount does: its root
	// directory, and what reads its chunks.
	Tree(ctx context.Context, ref registry.Ref) (manifest.Entry, manifest.Source, error)

	// Name finds what stands at a path of the registry ("" is the top, a
	// Group); Names lists what stands directly under it, each once, the
	// versions and tags of a package together.
	Name(ctx context.Context, path string) (registry.Name, error)
	Names(ctx context.Context, under string) iter.Seq2[registry.Name, error]

	// Versions lists the published versions and the tags of a package.
	Versions(ctx context.Context, pkg registry.Ref) iter.Seq2[registry.Name, error]

	// Drafts lists the drafts under a path of the registry.
	Drafts(ctx context.Context, under string) iter.Seq2[registry.Version, error]

	// Log yields the history of a package, newest first.
	Log(ctx context.Context, pkg registry.Ref) iter.Seq2[registry.Event, error]
}

// Keeper looks after the store as a whole.
type Keeper interface {
	// Verify checks that what is published is complete and located, and with
	// opts.ReadData that every byte reads back. It reports each problem to
	// found as it meets it and goes on; the error is for what stopped it.
	Verify(ctx context.Context, opts scrub.Options, found func(scrub.Problem)) (scrub.Result, error)

	// Stats counts.
	Stats(ctx context.Context) (Stats, error)

	// RebuildIndex makes the index anew from the store alone.
	RebuildIndex(ctx context.Context) (RebuildResult, error)

	// Info describes the store.
	Info() StoreInfo
}

// IngestRequest says what to take in, and as what.
type IngestRequest struct {
	Source          source.Source     // what to take in
	Ref             registry.Ref      // Ref.Path is the directory of the version under which they go
	Labels          map[string]string //
	Tags            []string          // tags to point at the version, besides latest
	Draft           bool              // leave a draft; if one exists, add to it
	NoLatest        bool              // leave the tag latest alone
	DryRun          bool              // count exactly, store nothing
	AllowIncomplete bool              // publish although parts could not be read
	Trust           known.Trust       // when a file that was read before is not read again; zero: nothing has touched it
	Progress        *Progress         // counted up as work is done; may be nil
}

// PublishOptions are the parts of an IngestRequest that concern the publish.
type PublishOptions struct {
	Labels   map[string]string // added to the draft's
	Tags     []string
	NoLatest bool
}

// IngestResult says what an ingest did. Sizes are bytes. The JSON names are
// the command line's.
type IngestResult struct {
	Ref         registry.Ref    `json:"ref"`
	Root        chunker.ID      `json:"root"`
	State       string          `json:"state"` // published, draft, dry-run, unchanged (the same content was published before)
	Files       int64           `json:"files"` // all that is not a directory
	Bytes       int64           `json:"bytes"`
	NewBytes    int64           `json:"new_bytes"`    // data not found in the store
	StoredBytes int64           `json:"stored_bytes"` // what this ingest's packs take, compressed
	Chunks      int64           `json:"chunks"`
	NewChunks   int64           `json:"new_chunks"`
	Seconds     float64         `json:"seconds"`
	KnownFiles  int64           `json:"known_files"`        // of Files, not read because they had not changed; they count like the others
	Problems    []source.Report `json:"problems,omitempty"` // unreadable or changed while read
	Skipped     []source.Report `json:"skipped,omitempty"`  // sockets, devices and the like

	// Reports that are not listed: at most 10,000 of a sort are, or 1 MiB. A path
	// of more than 4 KiB is cut in the middle, and says so.
	MoreProblems int64 `json:"more_problems,omitempty"`
	MoreSkipped  int64 `json:"more_skipped,omitempty"`
}

// Progress counts while an operation runs. Any goroutine may read it. Totals
// are 0 until known, and grow while they are found out.
type Progress struct {
	Files, Bytes           atomic.Int64 // done
	TotalFiles, TotalBytes atomic.Int64 // expected
	NewBytes               atomic.Int64 // ingest: not found in the store
}

// Stats counts what the store holds. Sizes are bytes.
type Stats struct {
	Versions     int64 `json:"versions"`      // published
	Drafts       int64 `json:"drafts"`        //
	Files        int64 `json:"files"`         // of all published versions
	LogicalBytes int64 `json:"logical_bytes"` // of all published versions, as if stored apart
	UniqueBytes  int64 `json:"unique_bytes"`  // data chunks, before compression
	StoredBytes  int64 `json:"stored_bytes"`  // every object in the store
	PackBytes    int64 `json:"pack_bytes"`    // of these, packs
	Chunks       int64 `json:"chunks"`        // data chunks
	Nodes        int64 `json:"nodes"`         // manifest nodes
	Packs        int64 `json:"packs"`
	DeadBytes    int64 `json:"dead_bytes"` // estimate of pack bytes that nothing refers to
}

// RebuildResult says what a rebuild read.
type RebuildResult struct {
	dataplane.Rebuilt
	Versions int64   `json:"versions"`
	Seconds  float64 `json:"seconds"`
}

// StoreInfo is fixed when a store is made.
type StoreInfo struct {
	ID      string         `json:"id"`      // 32 hex digits
	Format  int            `json:"format"`  // version of the formats
	Created time.Time      `json:"created"` //
	Chunker chunker.Params `json:"chunker"`
	Packing Packing        `json:"packing"`
}

// EstimateResult says what a store would take. Sizes are bytes.
type EstimateResult struct {
	Files       int64   `json:"files"`
	Bytes       int64   `json:"bytes"`
	UniqueBytes int64   `json:"unique_bytes"` // after dedup
	StoredBytes int64   `json:"stored_bytes"` // after compression, packs with their indexes
	Chunks      int64   `json:"chunks"`
	NewChunks   int64   `json:"new_chunks"` // distinct ones
	Seconds     float64 `json:"seconds"`

	Problems []source.Report `json:"problems,omitempty"`
	Skipped  []source.Report `json:"skipped,omitempty"`

	MoreProblems int64 `json:"more_problems,omitempty"` // as in an IngestResult
	MoreSkipped  int64 `json:"more_skipped,omitempty"`
}

// Version is a published version with its content.
type Version struct {
	registry.Version
	root manifest.Entry
	src  manifest.Source
}

// Root is the entry of the version's root directory; manifest's functions take
// it, with Source, from there.
func (v *Version) Root() manifest.Entry { return v.root }

// Source reads the version's chunks. Safe for concurrent use.
func (v *Version) Source() manifest.Source { return v.src }
