package engine

import (
	"github.com/artifortress/afs-engine/packfile"
)

// packWriters makes the Writers of packs that are sealed at packSize bytes. Those
// of a class share encoders and buffers: one is being filled, another sealed, and
// the processors are the same. Not safe for concurrent use.
type packWriters struct {
	packing  Packing
	packSize int64
	shared   map[packfile.Class]*packfile.Compression
}

func newPackWriters(p Packing, packSize int64) packWriters {
	return packWriters{packing: p, packSize: packSize, shared: map[packfile.Class]*packfile.Compression{}}
}

// begin returns a writer for a new pack.
func (p *packWriters) begin(class packfile.Class) (*packfile.Writer, error) {
	o := p.packing.writer(class)
	o.Queue = p.packSize / 4 // what waits counts as if it did not shrink
	if p.shared[class] == nil {
		c, err := packfile.NewCompression(o)
		if err != nil {
			return nil, err
		}
		p.shared[class] = c
	}
	o.Compression = p.shared[class]
	return packfile.NewWriter(o)
}
