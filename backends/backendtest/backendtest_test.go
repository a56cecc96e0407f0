package backendtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/fault"
	"github.com/artifortress/afs-engine/backends/mem"
)

func TestReferencePasses(t *testing.T) {
	TestStore(t, func(*testing.T) backends.Store { return mem.New() })
}

// broken is the reference store with one method replaced.
type broken struct {
	backends.Store
	put  func(ctx context.Context, key string, body io.ReadSeeker) error
	get  func(ctx context.Context, key string, off, n int64) (io.ReadCloser, error)
	stat func(ctx context.Context, key string) (backends.Info, error)
	list func(ctx context.Context, prefix string) iter.Seq2[backends.Info, error]
	del  func(ctx context.Context, key string) error
}

func (b *broken) Put(ctx context.Context, key string, body io.ReadSeeker) error {
	if b.put == nil {
		return b.Store.Put(ctx, key, body)
	}
	return b.put(ctx, key, body)
}

func (b *broken) Get(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if b.get == nil {
		return b.Store.Get(ctx, key, off, n)
	}
	return b.get(ctx, key, off, n)
}

func (b *broken) Stat(ctx context.Context, key string) (backends.Info, error) {
	if b.stat == nil {
		return b.Store.Stat(ctx, key)
	}
	return b.stat(ctx, key)
}

func (b *broken) List(ctx context.Context, prefix string) iter.Seq2[backends.Info, error] {
	if b.list == nil {
		return b.Store.List(ctx, prefix)
	}
	return b.list(ctx, prefix)
}

func (b *broken) Delete(ctx context.Context, key string) error {
	if b.del == nil {
		return b.Store.Delete(ctx, key)
	}
	return b.del(ctx, key)
}

// resort is a List that yields inner's entries in another order.
func resort(inner backends.Store, by func(a, b backends.Info) int) func(context.Context, string) iter.Seq2[backends.Info, error] {
	return func(ctx context.Context, prefix string) iter.Seq2[backends.Info, error] {
		return func(yield func(backends.Info, error) bool) {
			var infos []backends.Info
			for info, err := range inner.List(ctx, prefix) {
				if err != nil {
					yield(info, err)
					return
				}
				infos = append(infos, info)
			}
			slices.SortStableFunc(infos, by)
			for _, info := range infos {
				if !yield(info, nil) {
					return
				}
			}
		}
	}
}

func TestBrokenStoresAreFound(t *testing.T) {
	for _, c := range []struct {
		defect string
		found  string // by this check
		store  func(s backends.Store) backends.Store
	}{
		{"put replaces", "put of a taken key changes nothing", func(s backends.Store) backends.Store {
			return &broken{Store: s, put: func(ctx context.Context, key string, body io.ReadSeeker) error {
				if err := s.Delete(ctx, key); err != nil {
					return err
				}
				return s.Put(ctx, key, body)
			}}
		}},
		{"put looks before it leaps", "of 16 racing puts exactly one wins", func(s backends.Store) backends.Store {
			return &broken{Store: s, put: func(ctx context.Context, key string, body io.ReadSeeker) error {
				if err := s.Put(ctx, key, body); !errors.Is(err, backends.ErrExist) {
					return err
				}
				return nil // "it was free when I looked"
			}}
		}},
		{"put takes the rest of the body", "put takes the body from its start", func(s backends.Store) backends.Store {
			return &broken{Store: s, put: func(ctx context.Context, key string, body io.ReadSeeker) error {
				b, err := io.ReadAll(body)
				if err != nil {
					return err
				}
				return s.Put(ctx, key, bytes.NewReader(b))
			}}
		}},
		{"put keeps half a body", "put of a body that fails leaves nothing", func(s backends.Store) backends.Store {
			return &broken{Store: s, put: func(ctx context.Context, key string, body io.ReadSeeker) error {
				b, readErr := io.ReadAll(body)
				if err := s.Put(ctx, key, bytes.NewReader(b)); err != nil {
					return err
				}
				return readErr
			}}
		}},
		{"put tears large objects", "put 8 MiB", func(s backends.Store) backends.Store {
			return fault.New(s, fault.Rule{Op: fault.Put, Do: fault.Tear(8<<20 - 1)})
		}},
		{"put forgets", "put and read back", func(s backends.Store) backends.Store {
			return fault.New(s, fault.Rule{Op: fault.Put, Do: fault.Lose()})
		}},
		{"get gives what there is of a range", "get refuses ranges outside of the object", func(s backends.Store) backends.Store {
			return &broken{Store: s, get: func(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
				r, err := s.Get(ctx, key, off, n)
				if errors.Is(err, backends.ErrRange) {
					return s.Get(ctx, key, max(off, 0), -1)
				}
				return r, err
			}}
		}},
		{"get gives too much", "get ranges", func(s backends.Store) backends.Store {
			return &broken{Store: s, get: func(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
				return s.Get(ctx, key, off, -1)
			}}
		}},
		{"get flips a bit", "put and read back", func(s backends.Store) backends.Store {
			return fault.New(s, fault.Rule{Op: fault.Get, Do: fault.Flip(3)})
		}},
		{"get ends early", "a get cancelled on its way is never short", func(s backends.Store) backends.Store {
			return fault.New(s, fault.Rule{Op: fault.Get, Do: fault.Cut(500_000, io.EOF)})
		}},
		{"stat knows no sizes", "put and read back", func(s backends.Store) backends.Store {
			return &broken{Store: s, stat: func(ctx context.Context, key string) (backends.Info, error) {
				info, err := s.Stat(ctx, key)
				info.Size = 0
				return info, err
			}}
		}},
		{"list sorts by segments", "list in byte order, by any prefix", func(s backends.Store) backends.Store {
			return &broken{Store: s, list: resort(s, func(a, b backends.Info) int {
				return slices.Compare(strings.Split(a.Key, "/"), strings.Split(b.Key, "/"))
			})}
		}},
		{"list ignores case", "list in byte order, by any prefix", func(s backends.Store) backends.Store {
			return &broken{Store: s, list: resort(s, func(a, b backends.Info) int {
				return strings.Compare(strings.ToLower(a.Key), strings.ToLower(b.Key))
			})}
		}},
		{"list takes prefixes for directories", "list in byte order, by any prefix", func(s backends.Store) backends.Store {
			return &broken{Store: s, list: func(ctx context.Context, prefix string) iter.Seq2[backends.Info, error] {
				return s.List(ctx, prefix[:strings.LastIndexByte(prefix, '/')+1])
			}}
		}},
		{"delete minds absent objects", "delete, delete again, put anew", func(s backends.Store) backends.Store {
			return &broken{Store: s, del: func(ctx context.Context, key string) error {
				if _, err := s.Stat(ctx, key); err != nil {
					return err
				}
				return s.Delete(ctx, key)
			}}
		}},
		{"delete does nothing", "delete takes one object only", func(s backends.Store) backends.Store {
			return fault.New(s, fault.Rule{Op: fault.Delete, Do: fault.Lose()})
		}},
		{"delete takes any key", "bad keys are refused by every method", func(s backends.Store) backends.Store {
			return &broken{Store: s, del: func(ctx context.Context, key string) error {
				if backends.ValidateKey(key) != nil {
					return nil
				}
				return s.Delete(ctx, key)
			}}
		}},
		{"delete ignores its context", "a cancelled context stops every method", func(s backends.Store) backends.Store {
			return &broken{Store: s, del: func(ctx context.Context, key string) error {
				return s.Delete(context.WithoutCancel(ctx), key)
			}}
		}},
		{"put ignores its context", "a put cancelled on its way leaves nothing", func(s backends.Store) backends.Store {
			return &broken{Store: s, put: func(ctx context.Context, key string, body io.ReadSeeker) error {
				return s.Put(context.WithoutCancel(ctx), key, body)
			}}
		}},
		{"list ends quietly", "a listing cancelled on its way says so", func(s backends.Store) backends.Store {
			return &broken{Store: s, list: func(ctx context.Context, prefix string) iter.Seq2[backends.Info, error] {
				return func(yield func(backends.Info, error) bool) {
					for info, err := range s.List(ctx, prefix) {
						if err != nil || !yield(info, nil) {
							return
						}
					}
				}
			}}
		}},
	} {
		found := false
		for _, check := range checks() {
			if check.name == c.found {
				found = true
				if check.run(t.Context(), c.store(mem.New())) == nil {
					t.Errorf("%q does not find that %s", c.found, c.defect)
				}
			}
		}
		if !found {
			t.Errorf("there is no check %q", c.found)
		}
	}
}
