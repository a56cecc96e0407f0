package manifest

import (
	"bytes"
	"context"
)

// pair walks the same side of two directories at once and stops where they
// differ. Where both stand before the same page, they pass over it unread: the
// trees come to such places again soon after a difference, because pages end
// where content says so.
type pair struct {
	a, b         *cursor
	old, new     *item // the difference found; nil: the name is not there
	found, ended bool
}

// open opens both sides and, after a name, goes on behind it. It does nothing if
// p has ended before.
func (p *pair) open(ctx context.Context, a, b func(context.Context) (*cursor, error), after string) (err error) {
	if p.ended {
		return nil
	}
	if p.a, err = a(ctx); err != nil {
		return err
	}
	if p.b, err = b(ctx); err != nil || after == "" {
		return err
	}
	from := []byte(nextName(after))
	if _, err = p.a.seek(ctx, from); err == nil {
		_, err = p.b.seek(ctx, from)
	}
	return err
}

// peek finds the next name that is in one tree only or says something else,
// and leaves it in old and new. It reports false at the end.
func (p *pair) peek(ctx context.Context) (bool, error) {
	for !p.found && !p.ended {
		x, err := p.a.peek()
		if err != nil {
			return false, err
		}
		y, err := p.b.peek()
		if err != nil {
			return false, err
		}
		switch {
		case x == nil && y == nil:
			p.ended = true
		case level(x) > 0 || level(y) > 0:
			err = p.down(ctx, x, y)
		default:
			p.compare(x, y)
		}
		if err != nil {
			return false, err
		}
	}
	return p.found, nil
}

// level is that of an item; the end of a tree is below all.
func level(it *item) int {
	if it == nil {
		return -1
	}
	return it.level
}

// down passes over two equal pages, or goes into the higher one, or both.
func (p *pair) down(ctx context.Context, x, y *item) error {
	lx, ly := level(x), level(y)
	if lx == ly && x.child == y.child {
		p.a.skip()
		p.b.skip()
		return nil
	}
	if lx >= ly {
		if err := p.a.descend(ctx); err != nil {
			return err
		}
	}
	if ly >= lx {
		return p.b.descend(ctx)
	}
	return nil
}

// compare looks at two entries of leaves, of which one may be missing.
func (p *pair) compare(x, y *item) {
	order := 0
	switch {
	case y == nil:
		order = -1
	case x == nil:
		order = 1
	default:
		order = bytes.Compare(x.name, y.name)
	}
	switch {
	case order < 0:
		p.old, p.new, p.found = x, nil, true
	case order > 0:
		p.old, p.new, p.found = nil, y, true
	case x.same(y):
		p.a.skip()
		p.b.skip()
	default:
		p.old, p.new, p.found = x, y, true
	}
}

// name is that of the difference found.
func (p *pair) name() []byte {
	if p.old != nil {
		return p.old.name
	}
	return p.new.name
}

// pass goes on behind the difference found.
func (p *pair) pass() {
	if p.old != nil {
		p.a.skip()
	}
	if p.new != nil {
		p.b.skip()
	}
	p.old, p.new, p.found = nil, nil, false
}
