package manifest

import (
	"bytes"
	"context"

	"github.com/artifortress/afs-engine/chunker"
)

// cursor moves forward over the entries of one directory or attributes tree.
// It holds the pages from the topmost one down to where it is, and reads a
// page only when it must: what is passed over on an inner page is never read.
// It checks that names ascend over the whole tree, and that a page read to its
// end has the largest name and the summary that the page above claims.
type cursor struct {
	src  Source
	kind chunker.Kind
	path []*pathPage
	cur  item // the next entry of the last page, if have
	have bool
}

// pathPage is a page on a cursor's path.
type pathPage struct {
	*page
	name, before []byte  // the last name read and the one before it; nil at the tree's start
	sum          Summary // of the entries read
	wantName     []byte  // nil: not known
	wantSum      *Summary
	nameless     bool // the first name is empty: attributes of a root
}

// openCursor stands before the first entry of the tree with the topmost node
// id. sum is its summary, if that is known.
func openCursor(ctx context.Context, src Source, kind chunker.Kind, id chunker.ID, sum *Summary) (*cursor, error) {
	p, err := openPage(ctx, src, kind, id, anyLevel)
	if err != nil {
		return nil, err
	}
	return newCursor(src, p, sum), nil
}

func newCursor(src Source, top *page, sum *Summary) *cursor {
	return &cursor{src: src, kind: top.kind, path: []*pathPage{{page: top, wantSum: sum}}}
}

// peek returns the next entry of the page that the cursor is on, or of the
// first one above that has any left; nil at the end. It reads no page. The
// item is valid until the cursor moves.
func (c *cursor) peek() (*item, error) {
	for !c.have {
		if len(c.path) == 0 {
			return nil, nil
		}
		p := c.path[len(c.path)-1]
		if p.left > 0 {
			p.read(&c.cur)
			c.have = true
		} else {
			p.end()
			c.path = c.path[:len(c.path)-1]
		}
		if err := p.err(); err != nil {
			return nil, err
		}
	}
	return &c.cur, nil
}

// skip passes over what peek returned, and all that is below it.
func (c *cursor) skip() { c.have = false }

// descend goes to the page below the entry that peek returned.
func (c *cursor) descend(ctx context.Context) error {
	up := c.path[len(c.path)-1]
	p, err := openPage(ctx, c.src, c.kind, c.cur.child, c.cur.level-1)
	if err != nil {
		return err
	}
	below := &pathPage{page: p, name: up.before, wantName: c.cur.name, nameless: up.nameless}
	if c.kind == chunker.DirNode {
		sum := c.cur.sum
		below.wantSum = &sum
	}
	c.path = append(c.path, below)
	c.have = false
	return nil
}

// next returns the next entry of a leaf without passing over it; nil at the
// end.
func (c *cursor) next(ctx context.Context) (*item, error) {
	for {
		it, err := c.peek()
		if err != nil || it == nil || it.level == 0 {
			return it, err
		}
		if err := c.descend(ctx); err != nil {
			return nil, err
		}
	}
}

// seek is next for the first entry from here on whose name is at least name.
func (c *cursor) seek(ctx context.Context, name []byte) (*item, error) {
	for {
		it, err := c.peek()
		switch {
		case err != nil || it == nil:
			return nil, err
		case bytes.Compare(it.name, name) < 0:
			c.skip()
		case it.level == 0:
			return it, nil
		default:
			if err := c.descend(ctx); err != nil {
				return nil, err
			}
		}
	}
}

// read decodes the next entry and checks its name against the one before.
func (p *pathPage) read(it *item) {
	it.read(p.page)
	if p.r.Err() != nil {
		return
	}
	first := p.name == nil
	switch {
	case first && p.nameless && len(it.name) == 0:
		it.name = []byte{} // not nil, which would stand for the tree's start
	case !validName(it.name):
		p.r.Failf("bad name %q", it.name)
	case !first && bytes.Compare(it.name, p.name) <= 0:
		p.r.Failf("name %q after %q", it.name, p.name)
	}
	p.before, p.name = p.name, it.name
	sum, ok := p.sum.plus(it.sum)
	if !ok {
		p.r.Failf("a summary above what an int64 counts")
	}
	p.sum = sum
}

// end checks the page as a whole.
func (p *pathPage) end() {
	p.done()
	if p.wantName != nil && !bytes.Equal(p.name, p.wantName) {
		p.r.Failf("largest name is %q, the page above says %q", p.name, p.wantName)
	}
	if p.wantSum != nil && p.sum != *p.wantSum {
		p.r.Failf("summary is %v, the page above says %v", p.sum, *p.wantSum)
	}
}
