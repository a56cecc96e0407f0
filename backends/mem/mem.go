// Package mem keeps objects in memory. It is the reference that other stores
// are compared with, and the store of tests and of embedders that need no
// durability: here an object survives as long as its Store.
//
// Objects are immutable, so readers share the stored bytes: a Get copies
// nothing, and an object deleted while it is read stays readable.
package mem

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/artifortress/afs-engine/backends"
)

var _ backends.Store = (*Store)(nil)

// Store is a backends.Store in memory.
type Store struct {
	now func() time.Time

	mu      sync.RWMutex
	objects map[string]object
}

type object struct {
	data    []byte // never changed
	modTime time.Time
}

// New returns an empty store.
func New() *Store { return NewAt(time.Now) }

// NewAt returns an empty store that takes its objects' times from now.
func NewAt(now func() time.Time) *Store {
	return &Store{now: now, objects: map[string]object{}}
}

// Put copies body into memory.
func (s *Store) Put(ctx context.Context, key string, body io.ReadSeeker) error {
	if err := check(ctx, key); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	data, err := readBody(body)
	if err != nil {
		return fmt.Errorf("put %s: read body: %w", key, err)
	}
	return s.keep(ctx, key, data)
}

// keep makes data, which nobody changes any more, an object.
func (s *Store) keep(ctx context.Context, key string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.objects[key]; taken {
		return fmt.Errorf("put %s: %w", key, backends.ErrExist)
	}
	s.objects[key] = object{data, s.now()}
	return nil
}

func readBody(body io.ReadSeeker) ([]byte, error) {
	size, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	data := make([]byte, size)
	_, err = io.ReadFull(body, data)
	return data, err
}

// Get returns a reader of the stored bytes.
func (s *Store) Get(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	o, err := s.find(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	size := int64(len(o.data))
	if off < 0 || off > size || n > size-off {
		return nil, fmt.Errorf("get %s: %w: %d bytes from %d of %d", key, backends.ErrRange, n, off, size)
	}
	if n < 0 {
		n = size - off
	}
	return io.NopCloser(bytes.NewReader(o.data[off : off+n])), nil
}

// Local implements backends.Local.
func (s *Store) Local() {}

// Stat describes one object.
func (s *Store) Stat(ctx context.Context, key string) (backends.Info, error) {
	o, err := s.find(ctx, key)
	if err != nil {
		return backends.Info{}, fmt.Errorf("stat: %w", err)
	}
	return o.info(key), nil
}

// List yields what is there when it begins, less what is deleted before its
// turn. The loop's body may use the store.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[backends.Info, error] {
	return func(yield func(backends.Info, error) bool) {
		for _, key := range s.keys(prefix) {
			if ctx.Err() != nil {
				break
			}
			s.mu.RLock()
			o, ok := s.objects[key]
			s.mu.RUnlock()
			if ok && !yield(o.info(key), nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(backends.Info{}, fmt.Errorf("list %q: %w", prefix, err))
		}
	}
}

// Delete forgets the object.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := check(ctx, key); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, key)
	return nil
}

func (s *Store) find(ctx context.Context, key string) (object, error) {
	if err := check(ctx, key); err != nil {
		return object{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	o, ok := s.objects[key]
	if !ok {
		return object{}, fmt.Errorf("%s: %w", key, backends.ErrNotExist)
	}
	return o, nil
}

func (s *Store) keys(prefix string) []string {
	s.mu.RLock()
	var keys []string
	for key := range s.objects {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	s.mu.RUnlock()
	slices.Sort(keys)
	return keys
}

func (o object) info(key string) backends.Info {
	return backends.Info{Key: key, Size: int64(len(o.data)), ModTime: o.modTime}
}

func check(ctx context.Context, key string) error {
	if err := backends.ValidateKey(key); err != nil {
		return err
	}
	return ctx.Err()
}
