package fault

import (
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/artifortress/afs-engine/backends"
)

// plan is what all effects on one call add up to.
type plan struct {
	call    Call
	effects []Effect
	lose    bool
	after   error
}

// begin runs the effects that come before the call.
func (s *Store) begin(ctx context.Context, op Op, key string) (plan, error) {
	p := plan{call: Call{op, key}}
	p.effects = s.effects(p.call)
	for _, e := range p.effects {
		if e.before != nil {
			if err := e.before(ctx, p.call); err != nil {
				return p, p.wrap(err)
			}
		}
		p.lose = p.lose || e.lose
		if e.after != nil {
			p.after = p.wrap(e.after)
		}
	}
	return p, nil
}

func (p plan) wrap(err error) error {
	return fmt.Errorf("%s %s: %w", p.call.Op, p.call.Key, err)
}

// end puts the injected error in the place of success.
func (p plan) end(err error) error {
	if err == nil {
		return p.after
	}
	return err
}

// Put is the inner store's Put under the rules.
func (s *Store) Put(ctx context.Context, key string, body io.ReadSeeker) error {
	p, err := s.begin(ctx, Put, key)
	if err != nil || p.lose {
		return p.end(err)
	}
	for _, e := range p.effects {
		if e.body != nil {
			if body, err = e.body(body); err != nil {
				return p.wrap(err)
			}
		}
	}
	return p.end(s.inner.Put(ctx, key, body))
}

// Get is the inner store's Get under the rules.
func (s *Store) Get(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	p, err := s.begin(ctx, Get, key)
	if err != nil {
		return nil, err
	}
	r, err := s.inner.Get(ctx, key, off, n)
	if err != nil {
		return nil, err
	}
	if p.after != nil {
		r.Close()
		return nil, p.after
	}
	for _, e := range p.effects {
		if e.reader != nil {
			r = e.reader(off, r)
		}
	}
	return r, nil
}

// Stat is the inner store's Stat under the rules.
func (s *Store) Stat(ctx context.Context, key string) (backends.Info, error) {
	p, err := s.begin(ctx, Stat, key)
	if err != nil {
		return backends.Info{}, err
	}
	info, err := s.inner.Stat(ctx, key)
	if err = p.end(err); err != nil {
		return backends.Info{}, err
	}
	return info, nil
}

// List is the inner store's List under the rules, which apply each time the
// result is ranged over.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[backends.Info, error] {
	return func(yield func(backends.Info, error) bool) {
		p, err := s.begin(ctx, List, prefix)
		if err != nil {
			yield(backends.Info{}, err)
			return
		}
		var n int64
		for info, err := range s.inner.List(ctx, prefix) {
			if err == nil {
				err = p.cutAt(n)
			}
			if err != nil {
				yield(backends.Info{}, err)
				return
			}
			if !yield(info, nil) {
				return
			}
			n++
		}
		if err := p.end(p.cutAt(n)); err != nil {
			yield(backends.Info{}, err)
		}
	}
}

// cutAt is the error of a listing that has yielded n entries.
func (p plan) cutAt(n int64) error {
	for _, e := range p.effects {
		if e.cut != nil && n >= e.cut.left {
			return p.wrap(e.cut.err)
		}
	}
	return nil
}

// Delete is the inner store's Delete under the rules.
func (s *Store) Delete(ctx context.Context, key string) error {
	p, err := s.begin(ctx, Delete, key)
	if err != nil || p.lose {
		return p.end(err)
	}
	return p.end(s.inner.Delete(ctx, key))
}
