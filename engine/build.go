package engine

import (
	"bytes"
	"context"
	"path"
	"strings"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/known"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/source"
	"github.com/artifortress/afs-engine/packfile"
)

// builder is a source.Visitor that turns a walk into a manifest: contents into
// chunks, entries into nodes. It holds one chunk, and a page per directory of
// the path it is at.
type builder struct {
	ctx      context.Context
	store    storer
	tree     *overlay
	list     *manifest.ListBuilder
	recall   *recall
	lineage  *lineage
	progress *Progress

	dest      []string // directories of the version above the source's root
	depth     int      // of the walk
	root      manifest.Root
	rootEntry manifest.Entry
	problems  reports
	skipped   reports
	missing   []string            // from the draft, as it lists them
	holes     map[string]struct{} // of these, what this walk has not brought

	listed                      int64 // chunks in the list
	at                          int64 // bytes in the list
	text                        bool  // the file under way is
	bytes, files, chunks, known int64
	newBytes, newChunks         int64
}

// building is what a version is made with.
type building struct {
	base    *registry.Version // a draft to add to, or nil
	src     manifest.Source   // that it is read through
	params  chunker.Params
	store   storer
	recall  *recall  // files that it knows are not read
	lineage *lineage // what new chunks may be changes of
	memory  int64    // for large blocks, in bytes
}

// build walks req.Source into w.store.
func build(ctx context.Context, req IngestRequest, w building) (*builder, error) {
	b := &builder{ctx: ctx, store: w.store, recall: w.recall, lineage: w.lineage, progress: req.Progress}
	if b.progress == nil {
		b.progress = new(Progress)
	}
	sink := &nodeSink{s: w.store}
	b.list = manifest.NewListBuilder(sink)
	b.tree = &overlay{ctx: ctx, b: manifest.NewBuilder(sink), src: w.src}
	defer b.tree.close()
	defer w.lineage.end()
	if base := w.base; base != nil {
		if err := b.tree.over(base.Root); err != nil {
			return nil, err
		}
		b.missing, b.holes = base.Incomplete, map[string]struct{}{}
		for _, p := range base.Incomplete {
			b.holes[p] = struct{}{}
		}
	}
	if req.Ref.Path != "" {
		b.dest = strings.Split(req.Ref.Path, "/")
	}
	pipe := &pipeline{ctx: ctx, params: w.params, store: w.store, recall: w.recall, memory: w.memory}
	err := pipe.run(req.Source, b)
	if err != nil {
		return nil, err
	}
	if b.root, b.rootEntry, err = b.tree.b.Root(); err != nil {
		return nil, err
	}
	return b, sink.flush(ctx)
}

// enter opens a directory. The source's root becomes the destination
// directory; the directories above it are made, or kept as the draft has them.
func (b *builder) enter(e manifest.Entry) error {
	b.depth++
	if b.depth > 1 || len(b.dest) == 0 {
		b.fill(e.Name)
		return b.tree.enter(e)
	}
	above := manifest.Entry{Kind: manifest.Dir, Attr: manifest.Attr{Mode: 0o755, MTime: e.Attr.MTime}}
	for _, name := range append([]string{""}, b.dest[:len(b.dest)-1]...) {
		above.Name = name
		if err := b.tree.enterKeeping(above); err != nil {
			return err
		}
	}
	e.Name = b.dest[len(b.dest)-1]
	b.fill(e.Name)
	return b.tree.enter(e)
}

func (b *builder) leave() error {
	n := 1
	if b.depth--; b.depth == 0 {
		n += len(b.dest)
	}
	for range n {
		if err := b.tree.leave(); err != nil {
			return err
		}
	}
	return b.ctx.Err()
}

func (b *builder) symlink(e manifest.Entry) error {
	b.count(int64(len(e.Target)))
	b.fill(e.Name)
	return b.tree.add(e)
}

// take shows one event of the walk to the builder.
func (b *builder) take(ev *event) error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	switch ev.kind {
	case evEnter:
		return b.enter(ev.entry)
	case evLeave:
		return b.leave()
	case evSymlink:
		return b.symlink(ev.entry)
	case evStored:
		return b.stored(ev.entry)
	case evProblem:
		b.problems.add(ev.report)
	case evSkipped:
		b.skipped.add(ev.report)
	case evPart:
		if ev.err != nil {
			return ev.err
		}
		return b.chunksOf(ev)
	case evFile:
		if ev.err == nil && !ev.found {
			ev.err = b.chunksOf(ev)
		}
		return b.file(ev)
	case evFileEnd:
		return b.file(ev)
	case evContent:
		return b.content(ev)
	}
	return nil
}

// file ends a file whose chunks, if all could be read, are in the list.
func (b *builder) file(ev *event) (err error) {
	e := ev.entry
	switch {
	case ev.unread:
		b.drop()
		b.problems.add(source.Report{Path: b.sourcePath(e.Name), Reason: source.Reason(ev.err)})
		return nil
	case ev.err != nil:
		return ev.err
	}
	if ev.found {
		return b.reuse(e, ev.known)
	}
	read := known.File{Chunks: b.listed}
	if read.Content, read.Size, err = b.finish(); err != nil {
		return err
	}
	if read.Size != e.Size {
		b.problems.add(source.Report{Path: b.sourcePath(e.Name), Reason: source.Reason(source.ErrChanged)})
		return nil
	}
	b.count(e.Size)
	b.fill(e.Name)
	if err := b.recall.learnt(b.ctx, ev.id, read, ev.began); err != nil {
		return err
	}
	e.Content = read.Content
	return b.tree.add(e)
}

// finish ends the list.
func (b *builder) finish() (manifest.Content, int64, error) {
	b.listed, b.at = 0, 0
	b.lineage.end()
	return b.list.Finish(b.ctx)
}

// drop forgets the list.
func (b *builder) drop() {
	b.listed, b.at = 0, 0
	b.lineage.end()
	b.list.Reset()
}

// reuse takes a file that is known. It counts as if it had been read.
func (b *builder) reuse(e manifest.Entry, f known.File) error {
	e.Content, e.Size = f.Content, f.Size
	b.count(e.Size)
	b.progress.Bytes.Add(e.Size)
	b.chunks += f.Chunks
	b.known++
	b.fill(e.Name)
	return b.tree.add(e)
}

// content ends a stream and tells the walk what it has become.
func (b *builder) content(ev *event) error {
	if ev.err != nil {
		b.drop()
		ev.reply <- contentReply{err: ev.err}
		return nil
	}
	c, n, err := b.finish()
	if err != nil {
		return err
	}
	b.progress.Files.Add(1)
	ev.reply <- contentReply{content: c, size: n}
	return nil
}

// chunksOf stores the chunks of an event's block and lists them.
func (b *builder) chunksOf(ev *event) error {
	x, from := ev.block, 0
	if b.at == 0 {
		b.text = isText(x.buf[:x.n])
	}
	for i := range x.pieces {
		c := &x.pieces[i]
		data := x.buf[from:c.end]
		from = c.end
		seg := manifest.Segment{ID: c.id, Length: int64(len(data))}
		if !c.zero {
			added := false
			if !c.known {
				var err error
				put := chunk{kind: chunker.Data, id: c.id, data: data, asOf: x.asOf, bases: b.basesOf(ev, len(data)), text: b.text}
				if added, err = b.store.put(b.ctx, put); err != nil {
					return err
				}
			} else if b.lineage.underway() {
				b.lineage.met(c.id, b.at)
			}
			b.chunks++
			b.listed++
			if added {
				b.newChunks++
				b.newBytes += seg.Length
				b.progress.NewBytes.Add(seg.Length)
			}
		}
		if err := b.list.Add(b.ctx, seg); err != nil {
			return err
		}
		b.at += seg.Length
	}
	b.progress.Bytes.Add(int64(x.n))
	return nil
}

// textProbe is how many bytes of a file tell whether it is text: as git has it,
// text has no zero byte there.
const textProbe = 8000

func isText(b []byte) bool { return bytes.IndexByte(b[:min(len(b), textProbe)], 0) < 0 }

// basesOf says what the next n bytes of the event's file may be a change of.
func (b *builder) basesOf(ev *event, n int) []packfile.Base {
	if b.lineage == nil || !b.text && !b.lineage.binaries {
		return nil
	}
	if !b.lineage.underway() {
		b.lineage.begin(b.pathOf(ev), b.at)
	}
	return b.lineage.of(b.at, int64(n))
}

// pathOf is the path in the version of the event's file.
func (b *builder) pathOf(ev *event) string {
	if ev.stream == "" {
		return b.tree.path(ev.entry.Name)
	}
	return path.Join(path.Join(b.dest...), ev.stream)
}

// stored takes a file whose stream has been read before. It counts here, since
// what was read may be several files by now, or none.
func (b *builder) stored(e manifest.Entry) error {
	b.files++
	b.bytes += e.Size
	b.fill(e.Name)
	return b.tree.add(e)
}

func (b *builder) count(size int64) {
	b.files++
	b.bytes += size
	b.progress.Files.Add(1)
}

// fill notes that what the draft lacked under name is there now.
func (b *builder) fill(name string) {
	if len(b.holes) > 0 {
		delete(b.holes, b.tree.path(name))
	}
}

// sourcePath is name's path below the source's root.
func (b *builder) sourcePath(name string) string {
	p := b.tree.path(name)
	if len(b.dest) > 0 {
		p = strings.TrimPrefix(p, strings.Join(b.dest, "/")+"/")
	}
	return p
}

// incomplete lists what is missing from the version: what this walk could not
// read, and what the draft was missing and this walk did not bring. No walk
// brings a path called as the entry that gives the number of further ones, or as
// a long path is shortened to, so such a draft can be replaced but not completed.
func (b *builder) incomplete(dest string) []string {
	var g gaps
	for _, r := range b.problems.listed {
		p := short(strings.TrimSuffix(path.Join(dest, r.Path), "/"))
		delete(b.holes, p)
		g.add(p)
	}
	for _, p := range b.missing {
		if _, ok := b.holes[p]; ok {
			g.add(p)
		}
	}
	g.more += b.problems.more()
	return g.list()
}

func (b *builder) result(ref registry.Ref) *IngestResult {
	res := &IngestResult{
		Ref: ref, Root: b.root.Content,
		Files: b.files, Bytes: b.bytes, NewBytes: b.newBytes,
		Chunks: b.chunks, NewChunks: b.newChunks,
		KnownFiles: b.known, Problems: b.problems.listed, Skipped: b.skipped.listed,
		MoreProblems: b.problems.more(), MoreSkipped: b.skipped.more(),
	}
	return res
}
