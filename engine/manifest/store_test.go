package manifest

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
)

// memStore is a Sink and a Source in memory. It holds writers to the contract
// of Sink: dependencies are those that the node lists, and are stored already.
type memStore struct {
	mu     sync.Mutex
	chunks map[chunker.ID][]byte
	kinds  map[chunker.ID]chunker.Kind
	reads  int  // chunks read
	blind  bool // data chunks are not stored: dependencies on them are not checked
}

func newMemStore() *memStore {
	return &memStore{chunks: map[chunker.ID][]byte{}, kinds: map[chunker.ID]chunker.Kind{}}
}

func (m *memStore) put(kind chunker.Kind, data []byte) chunker.ID {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := kind.Sum(data)
	m.chunks[id], m.kinds[id] = slices.Clone(data), kind
	return id
}

func (m *memStore) PutNode(_ context.Context, kind chunker.Kind, data []byte, deps []chunker.ID) (chunker.ID, error) {
	nodes, chunks, err := Deps(data)
	if err != nil {
		return chunker.ID{}, err
	}
	if !slices.Equal(deps, slices.Concat(nodes, chunks)) {
		return chunker.ID{}, fmt.Errorf("dependencies differ from the node's")
	}
	m.mu.Lock()
	for i, id := range deps {
		if _, ok := m.chunks[id]; !ok && (i < len(nodes) || !m.blind) {
			m.mu.Unlock()
			return chunker.ID{}, fmt.Errorf("dependency %s is not stored", id)
		}
	}
	m.mu.Unlock()
	return m.put(kind, data), nil
}

func (m *memStore) Chunk(ctx context.Context, kind chunker.Kind, id chunker.ID) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b, ok := m.chunks[id]
	if !ok || m.kinds[id] != kind {
		return nil, fmt.Errorf("%s %s: %w", kind, id, fs.ErrNotExist)
	}
	return b, nil
}

// nodes returns the ids of the nodes of a kind, or of all kinds for Data.
func (m *memStore) nodes(kind chunker.Kind) map[chunker.ID]bool {
	out := map[chunker.ID]bool{}
	for id, k := range m.kinds {
		if k.IsNode() && (kind == chunker.Data || k == kind) {
			out[id] = true
		}
	}
	return out
}

// missing counts the ids of a that are not in b.
func missing(a, b map[chunker.ID]bool) (n int) {
	for id := range a {
		if !b[id] {
			n++
		}
	}
	return n
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
