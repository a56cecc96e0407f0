package manifest

import (
	"context"
	"errors"
	"fmt"

	"github.com/artifortress/afs-engine/chunker"
)

// treeWriter writes one search tree from its entries in order, bottom up. It
// holds one page for each level. finish makes it ready for another tree.
type treeWriter struct {
	sink   Sink
	kind   chunker.Kind
	desk   *desk
	levels []*openLevel // buffers; of these, used are part of this tree
	used   int
}

// desk is where a page is made into a node. Tree writers that are never at work
// at once share one, so that of many open trees only the pages take memory.
type desk struct {
	deps  []chunker.ID // of the node being stored
	node  []byte
	above [DepthMax]*piece // of a page of each level that is being stored: its entry in the page above
}

// entry is room for what stands for a page of level n in the page above it.
func (d *desk) entry(n int) *piece {
	if d.above[n] == nil {
		d.above[n] = new(piece)
	}
	return d.above[n]
}

// openLevel is the page being filled on one level.
type openLevel struct {
	body          []byte
	nodes, chunks []chunker.ID
	count, size   int
	name          []byte // of the last entry
	sum           Summary
}

func (w *treeWriter) level(n int) *openLevel {
	if n == len(w.levels) {
		w.levels = append(w.levels, new(openLevel))
	}
	w.used = max(w.used, n+1)
	return w.levels[n]
}

// add appends an entry to the page of a level, and stores the page if it ends.
func (w *treeWriter) add(ctx context.Context, n int, p *piece) error {
	l, size := w.level(n), p.size()
	if l.count > 0 && l.size+size > pageMax {
		if err := w.flush(ctx, n); err != nil {
			return err
		}
	}
	sum, ok := l.sum.plus(p.sum)
	if !ok {
		return errors.New("more bytes in a directory than an int64 counts")
	}
	l.sum = sum
	l.body = append(l.body, p.body...)
	l.nodes, l.chunks = append(l.nodes, p.nodes...), append(l.chunks, p.chunks...)
	l.name = append(l.name[:0], p.name...)
	l.count++
	l.size += size
	if l.size >= pageMax || l.size >= pageMin && endsPage(p.hash, size) {
		return w.flush(ctx, n)
	}
	return nil
}

// flush stores the page of a level and enters it in the level above.
func (w *treeWriter) flush(ctx context.Context, n int) error {
	if n+1 >= DepthMax {
		return fmt.Errorf("more than %d levels of pages", DepthMax)
	}
	l := w.levels[n]
	id, err := w.store(ctx, n)
	if err != nil {
		return err
	}
	above := w.desk.entry(n)
	above.inner(w.kind, id, string(l.name), l.sum)
	l.reset()
	return w.add(ctx, n+1, above)
}

func (w *treeWriter) store(ctx context.Context, n int) (chunker.ID, error) {
	w.encode(n)
	id, err := w.sink.PutNode(ctx, w.kind, w.desk.node, w.desk.deps)
	if err != nil {
		return id, fmt.Errorf("store %s: %w", w.kind, err)
	}
	return id, nil
}

// encode makes the node of a level, and lists what it depends on.
func (w *treeWriter) encode(n int) {
	l, d := w.levels[n], w.desk
	d.deps = append(append(d.deps[:0], l.nodes...), l.chunks...)
	d.node = appendNode(d.node[:0], w.kind, n, d.deps, len(l.nodes), l.count, l.body)
}

// small is finish for a tree that is one leaf of at most limit bytes: it
// returns the node, good until the desk has the next one, and stores nothing. It returns
// nil and does nothing if the tree is larger.
func (w *treeWriter) small(limit int) []byte {
	if l := w.level(0); w.used > 1 || l.size > limit {
		return nil
	}
	defer w.reset()
	w.encode(0)
	return w.desk.node
}

// finish stores what is open and returns the tree's topmost node: the lowest
// level that has only one page.
func (w *treeWriter) finish(ctx context.Context) (id chunker.ID, sum Summary, err error) {
	defer w.reset()
	w.level(0)
	for n := 0; ; n++ {
		l := w.levels[n]
		switch {
		case n > 0 && n == w.used-1 && l.count == 1:
			return l.nodes[0], l.sum, nil // one page below: that is the top
		case n == w.used-1:
			id, err = w.store(ctx, n)
			return id, l.sum, err
		case l.count > 0:
			if err := w.flush(ctx, n); err != nil {
				return id, sum, err
			}
		}
	}
}

func (w *treeWriter) reset() {
	for _, l := range w.levels[:w.used] {
		l.reset()
	}
	w.used = 0
}

func (l *openLevel) reset() {
	l.body, l.nodes, l.chunks, l.name = l.body[:0], l.nodes[:0], l.chunks[:0], l.name[:0]
	l.count, l.size, l.sum = 0, 0, Summary{}
}
