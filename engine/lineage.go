package engine

import (
	"context"
	"path"
	"sort"
	"strings"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/packfile"
)

// lineage says what new data may be a change of: what stands at the same place
// of the file with the same path in the version before. "The same place" is
// counted from the last chunk that both files have. It only ever saves space,
// so whatever it cannot find or read it does without. It holds the chunk ids of
// a part of one file. One goroutine uses it; nil knows of nothing.
type lineage struct {
	ctx  context.Context
	r    *reader
	root manifest.Entry
	only string // the only name in root, if that is a directory

	binaries bool // are of interest, too

	dir     string // the directory that was last looked into
	dirSeen bool
	entries *manifest.Finder // of it; nil: the version before has none

	// Of the file under way.
	begun  bool
	old    manifest.Entry // in the version before
	none   bool           // there is none
	shift  int64          // where a byte was in the old file, less where it is now
	chunks []oldChunk     // part of the old file
	from   int64          // where in it that part begins
	at     map[chunker.ID]int
	places []dataplane.Place
	placed []bool

	frames map[frameID]*lineageFrame
	bases  []packfile.Base         // the last answer
	using  []*slot                 // that it stands in
	bytes  int                     // of bases
	full   bool                    // no more of them fit a delta
	right  map[chunker.ID]struct{} // chunks whose bytes were compared with their ids, the last few
}

// oldChunk is a chunk of the version before.
type oldChunk struct {
	id      chunker.ID
	off, to int64 // in the file
}

// lineageFrame is a frame that bases are in.
type lineageFrame struct {
	delta  *packfile.Delta                // if it is a delta itself
	places map[chunker.ID]dataplane.Place // of what it refers to
}

const (
	lineageWindow = 1 << 14 // chunks of the old file that are known at once
	lineageBack   = 1 << 20 // bytes before the place that was asked for
	lineagePlaces = 64      // of these, looked up at once
	lineageFrames = 1 << 8  // frames remembered
	lineageRight  = 64
	severalPlaces = -1
)

// newLineage is the lineage of a version of ref's package: the version that was
// published last, nil if there is none, or nothing is to be a delta.
func (e *Local) newLineage(ctx context.Context, ref registry.Ref) *lineage {
	deltas := e.config.packing().Deltas
	if deltas != DeltasText && deltas != DeltasAll {
		return nil
	}
	v, err := registry.Find(e.rows.with(ctx), ref.WithVersion(registry.LatestTag))
	if err != nil || v.State != registry.Published {
		return nil
	}
	root, err := manifest.RootEntry(ctx, e.chunks, v.Root)
	if err != nil {
		return nil
	}
	l := &lineage{
		ctx: ctx, r: e.chunks, root: root, binaries: deltas == DeltasAll,
		at: map[chunker.ID]int{}, frames: map[frameID]*lineageFrame{}, right: map[chunker.ID]struct{}{},
	}
	l.only = l.onlyDir()
	return l
}

// end forgets the file under way.
func (l *lineage) end() {
	if l != nil {
		l.begun = false
		l.release()
	}
}

// begin finds the file in the version before, whose chunk at off is the first
// that is new.
func (l *lineage) begin(file string, off int64) {
	l.begun, l.shift = true, 0
	l.none = !l.find(file)
	if !l.none {
		l.load(off)
	}
}

// underway reports whether the file under way has been begun.
func (l *lineage) underway() bool { return l != nil && l.begun }

// onlyDir is the name of a directory that holds all of the version before:
// archives often have one with the version's number in its name.
func (l *lineage) onlyDir() (name string) {
	dir, err := manifest.OpenDir(l.r, l.root)
	if err != nil {
		return ""
	}
	for e, err := range dir.List(l.ctx, "") {
		if err != nil || name != "" || e.Kind != manifest.Dir {
			return ""
		}
		name = e.Name
	}
	return name
}

func (l *lineage) find(file string) bool {
	dir, name := path.Split(file)
	if !l.dirSeen || l.dir != dir {
		l.dir, l.dirSeen, l.entries = dir, true, nil
		top, rest, below := strings.Cut(dir, "/")
		if below && l.only != "" && top != l.only {
			dir = l.only + "/" + rest
		}
		e, err := manifest.Resolve(l.ctx, l.r, l.root, strings.TrimSuffix(dir, "/"))
		if err == nil {
			if d, err := manifest.OpenDir(l.r, e); err == nil {
				l.entries = d.Finder()
			}
		}
	}
	if l.entries == nil {
		return false
	}
	e, err := l.entries.Lookup(l.ctx, name)
	l.old = e
	return err == nil && e.Kind == manifest.File
}

// load reads a part of the old file's chunk list, from off on.
func (l *lineage) load(off int64) {
	l.chunks, l.from = l.chunks[:0], max(off, 0)
	clear(l.at)
	for x, err := range manifest.Segments(l.ctx, l.r, l.old.Content, l.from) {
		if err != nil || len(l.chunks) == lineageWindow {
			break
		}
		if x.Zero() {
			continue
		}
		if _, again := l.at[x.ID]; again {
			l.at[x.ID] = severalPlaces
		} else {
			l.at[x.ID] = len(l.chunks)
		}
		l.chunks = append(l.chunks, oldChunk{x.ID, x.Offset, x.Offset + x.Length})
	}
	l.places = append(l.places[:0], make([]dataplane.Place, len(l.chunks))...)
	l.placed = append(l.placed[:0], make([]bool, len(l.chunks))...)
}

// met takes note that the file has a chunk at off that the store had before.
func (l *lineage) met(id chunker.ID, off int64) {
	if l.none {
		return
	}
	// A chunk that stands in several places says nothing about where this is.
	if i, ok := l.at[id]; ok && i != severalPlaces {
		l.shift = l.chunks[i].off - off
	}
}

// of returns what the chunk of n bytes at off may be a change of. It is good
// until the next call.
func (l *lineage) of(off, n int64) []packfile.Base {
	if l.none {
		return nil
	}
	from, to := off+l.shift, off+l.shift+n
	if from >= l.old.Size || to <= 0 || n > packfile.DeltaMax {
		return nil
	}
	// Who comes back soon finds the window where it was.
	at := max(from-lineageBack, 0)
	if k := len(l.chunks); max(from, 0) < l.from || k == lineageWindow && l.chunks[k-1].to < to && at > l.from {
		l.load(at)
	}
	l.release()
	i := sort.Search(len(l.chunks), func(i int) bool { return l.chunks[i].to > from })
	for ; i < len(l.chunks) && l.chunks[i].off < to && !l.full; i++ {
		l.resolve(i)
	}
	return l.bases
}

// release ends the use of the last answer.
func (l *lineage) release() {
	for _, x := range l.using {
		l.r.slots.give(x)
	}
	l.using, l.bases, l.bytes, l.full = l.using[:0], l.bases[:0], 0, false
}

// resolve adds the i-th chunk to the bases; if it is stored as a delta, what it
// is a delta of.
func (l *lineage) resolve(i int) {
	if !l.placed[i] {
		l.place(i)
	}
	p := l.places[i]
	f := l.frame(p)
	if f == nil {
		return
	}
	if f.delta == nil {
		l.add(l.chunks[i].id, p)
		return
	}
	for _, id := range f.delta.Of(p.Offset) {
		if l.full {
			return
		}
		p := f.places[id]
		if f := l.frame(p); f != nil && f.delta == nil {
			l.add(id, p)
		}
	}
}

// place looks up where some chunks are, from the i-th on.
func (l *lineage) place(i int) {
	end := min(i+lineagePlaces, len(l.chunks))
	ids := make([]chunker.ID, 0, lineagePlaces)
	for j := i; j < end; j++ {
		ids = append(ids, l.chunks[j].id)
		l.placed[j] = true
	}
	if l.r.plane.Lookup(l.ctx, ids, l.places[i:end]) != nil {
		clear(l.places[i:end])
	}
}

// add adds a chunk that is not stored as a delta.
func (l *lineage) add(id chunker.ID, p dataplane.Place) {
	x := l.use(frameID{Pack: p.Pack, Frame: p.Frame})
	if x == nil {
		return
	}
	if l.full = l.bytes+int(p.Length) > packfile.DictMax || len(l.bases) == packfile.BasesMax; l.full {
		return
	}
	b, ok := chunkIn(x.raw, p.Location)
	if !ok || !l.isRight(id, b) {
		return
	}
	l.bytes += len(b)
	l.bases = append(l.bases, packfile.Base{ID: id, Data: b, Frame: uint64(p.Pack)<<32 | uint64(p.Frame)})
}

// use holds on to a frame; nil if it cannot be read, or is one too many.
func (l *lineage) use(id frameID) *slot {
	for _, x := range l.using {
		if x.id == id {
			return x
		}
	}
	if l.full = len(l.using) == packfile.BaseFramesMax; l.full {
		return nil
	}
	x, err := l.r.slot(l.ctx, id)
	if err != nil {
		return nil
	}
	l.using = append(l.using, x)
	return x
}

// isRight makes sure that nothing is ever a delta of other bytes than those that
// everybody will find under the id.
func (l *lineage) isRight(id chunker.ID, b []byte) bool {
	if _, ok := l.right[id]; ok {
		return true
	}
	if chunker.Data.Sum(b) != id {
		return false
	}
	if len(l.right) >= lineageRight {
		clear(l.right)
	}
	l.right[id] = struct{}{}
	return true
}

// frame is what is known of the frame that holds a chunk, nil if it cannot be
// read.
func (l *lineage) frame(p dataplane.Place) *lineageFrame {
	if !p.Found || p.Kind != chunker.Data {
		return nil
	}
	id := frameID{Pack: p.Pack, Frame: p.Frame}
	f, ok := l.frames[id]
	if ok {
		return f
	}
	if len(l.frames) >= lineageFrames {
		clear(l.frames)
	}
	place, err := frameAt(l.ctx, l.r.plane, id)
	if err == nil && place.Codec == packfile.CodecDelta {
		f, err = l.delta(place)
	} else if err == nil {
		f = new(lineageFrame)
	}
	if err != nil {
		f = nil
	}
	l.frames[id] = f
	return f
}

// delta reads what a delta frame refers to.
func (l *lineage) delta(place dataplane.FramePlace) (*lineageFrame, error) {
	d, err := packfile.ReadDelta(l.ctx, l.r.store, place.Pack, place.Frame)
	if err != nil {
		return nil, err
	}
	places := make([]dataplane.Place, len(d.Bases))
	if err := l.r.plane.Lookup(l.ctx, d.Bases, places); err != nil {
		return nil, err
	}
	f := &lineageFrame{delta: d, places: make(map[chunker.ID]dataplane.Place, len(places))}
	for i, id := range d.Bases {
		f.places[id] = places[i]
	}
	return f, nil
}
