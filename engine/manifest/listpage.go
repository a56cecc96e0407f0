package manifest

import (
	"context"
	"fmt"
	"math"
	"sort"
	"sync"

	"github.com/artifortress/afs-engine/chunker"
)

// listPage is a decoded page of a chunk list. Offsets run from its first byte,
// so that a seek is a binary search. Not changed once decoded.
type listPage struct {
	level int
	ids   []chunker.ID // leaf: chunks, zero for a run of zeros; else the pages below
	ends  []int64      // entry i covers the bytes from ends[i-1], or 0, to ends[i]
	count []int64      // inner page: segments below entry i
}

// listRef is what a page above, or the file, says of a page.
type listRef struct {
	id    chunker.ID
	level int   // anyLevel: not known
	bytes int64 // -1: not known
	count int64 // segments
}

func (l *listPage) start(i int) int64 {
	if i == 0 {
		return 0
	}
	return l.ends[i-1]
}

// find returns the entry that holds the byte at off; len(l.ends) if none does.
func (l *listPage) find(off int64) int {
	return sort.Search(len(l.ends), func(i int) bool { return l.ends[i] > off })
}

func (l *listPage) ref(i int) listRef {
	return listRef{l.ids[i], l.level - 1, l.ends[i] - l.start(i), l.count[i]}
}

func (l *listPage) segment(i int) Segment {
	return Segment{ID: l.ids[i], Length: l.ends[i] - l.start(i)}
}

// readListPage reads, decodes and checks a page.
func readListPage(ctx context.Context, src Source, ref listRef) (*listPage, error) {
	p, err := openPage(ctx, src, chunker.ListNode, ref.id, ref.level)
	if err != nil {
		return nil, err
	}
	l, count := decodeList(p)
	if p.r.Err() == nil && (count != ref.count || ref.bytes >= 0 && l.start(len(l.ends)) != ref.bytes) {
		p.r.Failf("%d segments of %d bytes, want %d of %d", count, l.start(len(l.ends)), ref.count, ref.bytes)
	}
	return l, p.err()
}

// decodeList decodes the entries of p. Errors are left in p.
func decodeList(p *page) (l *listPage, segments int64) {
	l = &listPage{level: p.level, ids: make([]chunker.ID, 0, p.left), ends: make([]int64, 0, p.left)}
	if p.level > 0 {
		l.count = make([]int64, 0, p.left)
	}
	if p.left == 0 {
		p.r.Failf("an empty chunk list")
	}
	var scan segmentScan
	end := int64(0)
	for ; p.left > 0 && p.r.Err() == nil; p.left-- {
		s, n := Segment{}, int64(1)
		if p.level > 0 {
			s, n = readListInner(p)
			l.count = append(l.count, n)
		} else {
			s = scan.next(p.r, &p.deps)
		}
		if s.Length > math.MaxInt64-end || n > math.MaxInt64-segments {
			p.r.Failf("segments are longer than a file can be")
			break
		}
		end += s.Length
		segments += n
		l.ids, l.ends = append(l.ids, s.ID), append(l.ends, end)
	}
	p.done()
	return l, segments
}

// readListInner takes an entry of an inner page: the page below, the bytes it
// covers, and its segments.
func readListInner(p *page) (below Segment, segments int64) {
	below.Length = readSize(p.r)
	segments = readSize(p.r)
	below.ID = p.deps.node(p.r)
	if segments <= 0 || below.Length < segments {
		p.r.Failf("%d segments of %d bytes", segments, below.Length)
	}
	return below, segments
}

// listPath keeps the page last used on each level of one chunk list, so that
// reads near each other decode a page once. The nil listPath keeps nothing.
// Safe for concurrent use.
type listPath struct {
	mu    sync.Mutex
	refs  [DepthMax]listRef // by depth below the top
	pages [DepthMax]*listPage
}

func (c *listPath) get(ctx context.Context, src Source, depth int, ref listRef) (*listPage, error) {
	if c == nil {
		return readListPage(ctx, src, ref)
	}
	c.mu.Lock()
	l, of := c.pages[depth], c.refs[depth]
	c.mu.Unlock()
	if l != nil && of == ref {
		return l, nil
	}
	l, err := readListPage(ctx, src, ref)
	if err != nil {
		return nil, err
	}
	if l.level == 0 {
		Announce(ctx, src, l.ids)
	}
	c.mu.Lock()
	c.refs[depth], c.pages[depth] = ref, l
	c.mu.Unlock()
	return l, nil
}

// lists walks a chunk list.
type lists struct {
	src  Source
	path *listPath
}

// extents yields what is in the page ref, which begins at offset base of the
// file, from the segment that holds from. It reports whether to go on.
func (w lists) extents(ctx context.Context, depth int, ref listRef, base, from int64, yield func(Extent, error) bool) bool {
	l, err := w.path.get(ctx, w.src, depth, ref)
	if err != nil {
		return yield(Extent{}, fmt.Errorf("read chunk list: %w", err))
	}
	for i := l.find(from - base); i < len(l.ends); i++ {
		at := base + l.start(i)
		if l.level == 0 {
			if !yield(Extent{at, l.segment(i)}, nil) {
				return false
			}
		} else if !w.extents(ctx, depth+1, l.ref(i), at, from, yield) {
			return false
		}
	}
	return true
}
