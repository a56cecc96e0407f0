package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/source"
)

// builder is a source.Visitor that turns a walk into a manifest: contents into
// chunks, entries into nodes. It holds one chunk, and a page per directory of
// the path it is at.
type builder struct {
	ctx      context.Context
	store    storer
	tree     *overlay
	splitter *chunker.Splitter
	list     *manifest.ListBuilder
	progress *Progress

	dest      []string // directories of the version above the source's root
	depth     int      // of the walk
	root      manifest.Root
	rootEntry manifest.Entry
	problems  []source.Report
	skipped   []source.Report
	missing   []string            // from the draft, as it lists them
	holes     map[string]struct{} // of these, what this walk has not brought

	bytes, files, chunks         int64
	newBytes, newChunks, problem int64
}

// reportsMax bounds how many reports of one sort are kept.
const reportsMax = 10_000

var _ source.Visitor = (*builder)(nil)

// build walks req.Source into s. base, read through src, is a draft to add to,
// or nil.
func build(ctx context.Context, req IngestRequest, base *registry.Version, src manifest.Source, p chunker.Params, s storer) (*builder, error) {
	splitter, err := chunker.NewSplitter(p)
	if err != nil {
		return nil, err
	}
	b := &builder{ctx: ctx, store: s, splitter: splitter, progress: req.Progress}
	if b.progress == nil {
		b.progress = new(Progress)
	}
	sink := nodeSink{s}
	b.list = manifest.NewListBuilder(sink)
	b.tree = &overlay{ctx: ctx, b: manifest.NewBuilder(sink), src: src}
	defer b.tree.close()
	if base != nil {
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
	if err := req.Source.Walk(ctx, b); err != nil {
		return nil, err
	}
	b.root, b.rootEntry, err = b.tree.b.Root()
	return b, err
}

// nodeSink stores what the manifest builders make.
type nodeSink struct{ s storer }

func (n nodeSink) PutNode(ctx context.Context, kind chunker.Kind, data []byte, deps []chunker.ID) (chunker.ID, error) {
	id, _, err := n.s.put(ctx, kind, data, deps)
	return id, err
}

// Enter implements source.Visitor. The source's root becomes the destination
// directory; the directories above it are made, or kept as the draft has them.
func (b *builder) Enter(e manifest.Entry) error {
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

// Leave implements source.Visitor.
func (b *builder) Leave() error {
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

// Symlink implements source.Visitor.
func (b *builder) Symlink(e manifest.Entry) error {
	b.count(int64(len(e.Target)))
	b.fill(e.Name)
	return b.tree.add(e)
}

// File implements source.Visitor.
func (b *builder) File(e manifest.Entry, open func() (io.ReadCloser, error)) error {
	r, err := open()
	if err == nil {
		e.Content, e.Size, err = b.content(r)
		err = errors.Join(err, r.Close())
	}
	var unread *readError
	if errors.As(err, &unread) || err != nil && r == nil {
		b.Problem(source.Report{Path: b.sourcePath(e.Name), Reason: source.Reason(err)})
		return nil
	}
	if err != nil {
		return err
	}
	b.count(e.Size)
	b.fill(e.Name)
	return b.tree.add(e)
}

// Content implements source.Visitor.
func (b *builder) Content(path string, r io.Reader) (manifest.Content, int64, error) {
	c, n, err := b.content(r)
	if err == nil {
		b.count(n)
	}
	return c, n, err
}

// Stored implements source.Visitor.
func (b *builder) Stored(e manifest.Entry) error {
	b.fill(e.Name)
	return b.tree.add(e)
}

// Problem implements source.Visitor.
func (b *builder) Problem(r source.Report) {
	if b.problem++; len(b.problems) < reportsMax {
		b.problems = append(b.problems, r)
	}
}

// Skipped implements source.Visitor.
func (b *builder) Skipped(r source.Report) {
	if len(b.skipped) < reportsMax {
		b.skipped = append(b.skipped, r)
	}
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

// readError marks what went wrong at the source rather than in the store.
type readError struct{ error }

func (e *readError) Unwrap() error { return e.error }

// content cuts and stores a stream.
func (b *builder) content(r io.Reader) (manifest.Content, int64, error) {
	b.list.Reset()
	b.splitter.Reset(r)
	for {
		data, err := b.splitter.Next()
		if err == io.EOF {
			return b.list.Finish(b.ctx)
		}
		if err != nil {
			return manifest.Content{}, 0, &readError{err}
		}
		if err := b.ctx.Err(); err != nil {
			return manifest.Content{}, 0, err
		}
		seg := manifest.Segment{Length: int64(len(data))}
		if !allZero(data) {
			var added bool
			if seg.ID, added, err = b.store.put(b.ctx, chunker.Data, data, nil); err != nil {
				return manifest.Content{}, 0, err
			}
			b.chunks++
			if added {
				b.newChunks++
				b.newBytes += seg.Length
				b.progress.NewBytes.Add(seg.Length)
			}
		}
		if err := b.list.Add(b.ctx, seg); err != nil {
			return manifest.Content{}, 0, err
		}
		b.progress.Bytes.Add(seg.Length)
	}
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// incompleteMax bounds the list of missing paths in a log record.
const incompleteMax = 1000

// incomplete lists what is missing from the version: what this walk could not
// read, and what the draft was missing and this walk did not bring. Of more
// than incompleteMax paths the last entry gives the number; no walk brings a
// path of that name, so such a draft can be replaced but not completed.
func (b *builder) incomplete(dest string) []string {
	var all []string
	for _, r := range b.problems {
		p := strings.TrimSuffix(path.Join(dest, r.Path), "/")
		delete(b.holes, p)
		all = append(all, p)
	}
	for _, p := range b.missing {
		if _, ok := b.holes[p]; ok {
			all = append(all, p)
		}
	}
	more := b.problem - int64(len(b.problems))
	if over := len(all) - incompleteMax; over > 0 || more > 0 {
		all = all[:min(len(all), incompleteMax-1)]
		all = append(all, fmt.Sprintf("… and %d more", more+int64(max(over, 0))+1))
	}
	return all
}

func (b *builder) result(ref registry.Ref) *IngestResult {
	res := &IngestResult{
		Ref: ref, Root: b.root.Content,
		Files: b.files, Bytes: b.bytes, NewBytes: b.newBytes,
		Chunks: b.chunks, NewChunks: b.newChunks,
		Problems: b.problems, Skipped: b.skipped,
	}
	return res
}
