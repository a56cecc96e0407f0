package known

import (
	"bytes"
	"encoding/binary"
)

// gap is paths that nothing is known of. A walk goes through paths in order, so
// one look tells of all files of a tree that was never read, instead of one for
// each.
type gap struct {
	generation uint32 // the younger; it holds for both
	from, to   string // from the first up to before the second; "": to the end
}

func (g *gap) holds(generation uint32, path string) bool {
	return g != nil && g.generation == generation && path >= g.from && (g.to == "" || path < g.to)
}

// findGap finds the gap that begins with path, unless something has been written
// since wrote.
func (c *Cache) findGap(young uint32, wrote uint64, path string) error {
	g := gap{generation: young, from: path}
	for n := max(young-1, 1); n <= young; n++ {
		key, ok, err := c.db.LocalNext(rowKey(n, path))
		if err != nil {
			return err
		}
		prefix := binary.BigEndian.AppendUint32([]byte{tableFile}, n)
		if !ok || !bytes.HasPrefix(key, prefix) {
			continue
		}
		next := string(key[len(prefix):])
		if next == path {
			return nil
		}
		if g.to == "" || next < g.to {
			g.to = next
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wrote == wrote {
		c.gap.Store(&g)
	}
	return nil
}
