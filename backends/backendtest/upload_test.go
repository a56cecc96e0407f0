package backendtest

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/mem"
)

func TestReferencePassesBitByBit(t *testing.T) {
	TestAppender(t, func(*testing.T) backends.Store { return mem.New() })
}

// brokenAppender is the reference store with another Begin.
type brokenAppender struct {
	*mem.Store
	begin func(ctx context.Context) (backends.Upload, error)
}

func (b *brokenAppender) Begin(ctx context.Context) (backends.Upload, error) { return b.begin(ctx) }

// endless is an upload that does not end.
type endless struct {
	s *mem.Store
	bytes.Buffer
}

func (u *endless) Put(ctx context.Context, key string) error {
	return u.s.Put(ctx, key, bytes.NewReader(u.Bytes()))
}

func (u *endless) Abort() {}

func TestBrokenUploadsAreFound(t *testing.T) {
	for _, c := range []struct {
		defect string
		found  string // by this check
		begin  func(s *mem.Store) func(ctx context.Context) (backends.Upload, error)
	}{
		{"it is seen at once", "an object under way is not seen", func(s *mem.Store) func(context.Context) (backends.Upload, error) {
			return func(ctx context.Context) (backends.Upload, error) {
				if err := s.Put(ctx, "early", strings.NewReader("")); err != nil {
					return nil, err
				}
				return s.Begin(ctx)
			}
		}},
		{"there is one for all", "objects under way do not mix", func(s *mem.Store) func(context.Context) (backends.Upload, error) {
			one := &endless{s: s}
			return func(context.Context) (backends.Upload, error) { return one, nil }
		}},
		{"abort does nothing", "abort leaves nothing", func(s *mem.Store) func(context.Context) (backends.Upload, error) {
			return func(context.Context) (backends.Upload, error) { return &endless{s: s}, nil }
		}},
		{"put ends nothing", "an upload ends once", func(s *mem.Store) func(context.Context) (backends.Upload, error) {
			return func(context.Context) (backends.Upload, error) { return &endless{s: s}, nil }
		}},
		{"a refused put ends nothing", "an upload that was refused is over", func(s *mem.Store) func(context.Context) (backends.Upload, error) {
			return func(context.Context) (backends.Upload, error) { return &endless{s: s}, nil }
		}},
	} {
		ran := false
		for _, check := range uploadChecks {
			if check.name != c.found {
				continue
			}
			ran = true
			s := mem.New()
			if err := check.run(t.Context(), &brokenAppender{s, c.begin(s)}); err == nil {
				t.Errorf("%s: not found by %q", c.defect, c.found)
			}
		}
		if !ran {
			t.Errorf("there is no check %q", c.found)
		}
	}
}
