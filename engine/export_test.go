package engine

import (
	"context"
	"sync/atomic"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/dataplane"
)

// SlotsHeld adds up the bytes of the reader's slots; counted is what they say
// themselves, and used how many somebody uses.
func (e *Local) SlotsHeld() (held, counted int64, used int) {
	s := e.chunks.slots
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.at {
		held += int64(cap(x.buf))
		if x.users > 0 {
			used++
		}
	}
	for _, b := range s.free {
		held += int64(cap(b))
	}
	return held, s.held, used
}

// CountLookups counts how often the reader asks where chunks are.
func (e *Local) CountLookups() *atomic.Int64 {
	p := &countingPlane{Chunks: e.chunks.plane}
	e.chunks.plane = p
	return &p.n
}

type countingPlane struct {
	dataplane.Chunks
	n atomic.Int64
}

func (p *countingPlane) Lookup(ctx context.Context, ids []chunker.ID, found []dataplane.Place) error {
	p.n.Add(1)
	return p.Chunks.Lookup(ctx, ids, found)
}

// Plane is what the engine commits through.
func (e *Local) Plane() dataplane.Service { return e.plane }
