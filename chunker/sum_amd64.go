//go:build !purego

package chunker

import (
	"sync"
	"unsafe"
)

// Of BLAKE3 (O'Connor, Aumasson, Neves, Wilcox-O'Hearn: "BLAKE3: one function,
// fast everywhere", 2020). What is a chunk there is a leaf here.
const (
	laneCount = 16
	leafLen   = 1024
	sumBlock  = 64

	flagStart  = 1
	flagEnd    = 2
	flagParent = 4
	flagRoot   = 8
)

var sumIV = [8]uint32{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}

// lanes are up to 16 inputs that compressLanes hashes side by side. Of each
// input all of leafLen bytes may be read if another one has as many blocks. The
// layout is known to the assembly.
type lanes struct {
	cv      [8][laneCount]uint32      // chaining values, word by word
	src     [laneCount]unsafe.Pointer // inputs
	blocks  [laneCount]uint32         // how many; 0: the lane is not in use
	last    [laneCount]uint32         // bytes of the last one
	counter [laneCount]uint32         // of every block
	flags   [laneCount]uint32         // of every block
	start   [laneCount]uint32         // more flags of the first block
	end     [laneCount]uint32         // more flags of the last block
	out     [laneCount][IDSize]byte   // chaining values, lane by lane
	most    uint64                    // the greatest of blocks
}

//go:noescape
func compressLanes(l *lanes)

// summer names the chunks of a group. The leaves of all chunks, then the
// parents of each level of all their trees, fill the lanes.
type summer struct {
	lanes
	used  int // lanes
	to    [laneCount]*[IDSize]byte
	pad   [laneCount][leafLen]byte // leaves that are not whole, and zeros
	level [][IDSize]byte           // chaining values of a level, chunk by chunk
	above [][IDSize]byte           // of the next level
	nodes []int                    // of each chunk, on this level
}

var summers = sync.Pool{New: func() any { return new(summer) }}

const (
	groupLeaves = 512     // leaves that are gathered
	groupMin    = 4 << 10 // bytes that are worth it
	groupMax    = 2 << 20 // a longer chunk is named by itself
)

func sumAll(ids []ID, chunks [][]byte) {
	if !hasAVX512 {
		sumEach(Data, ids, chunks)
		return
	}
	s := summers.Get().(*summer)
	defer summers.Put(s)
	for len(chunks) > 0 {
		n, leaves, bytes := 0, 0, 0
		for n < len(chunks) && leaves < groupLeaves && len(chunks[n]) <= groupMax {
			leaves += leavesOf(len(chunks[n]))
			bytes += len(chunks[n])
			n++
		}
		if bytes < groupMin {
			n = max(n, 1)
			sumEach(Data, ids, chunks[:n])
		} else {
			s.group(ids[:n], chunks[:n], leaves)
		}
		ids, chunks = ids[n:], chunks[n:]
	}
}

// leavesOf is how many leaves n bytes have.
func leavesOf(n int) int { return max(1, (n+leafLen-1)/leafLen) }

// group names chunks that have so many leaves together.
func (s *summer) group(ids []ID, chunks [][]byte, leaves int) {
	s.level = sized(s.level, leaves)
	s.above = sized(s.above, leaves)
	s.nodes = s.nodes[:0]
	at := 0
	for _, c := range chunks {
		n := leavesOf(len(c))
		for k := range n {
			s.leaf(c[k*leafLen:min((k+1)*leafLen, len(c))], k, n == 1, &s.level[at])
			at++
		}
		s.nodes = append(s.nodes, n)
	}
	s.flush()
	for s.parents() {
	}
	for i := range ids {
		ids[i] = s.level[i]
	}
}

// parents makes the next level, and reports whether there was one to make. Of
// an odd number of nodes the last one moves up as it is.
func (s *summer) parents() (more bool) {
	from, to := 0, 0
	for i, n := range s.nodes {
		for k := 0; k+1 < n; k += 2 {
			s.parent(&s.level[from+k], n == 2, &s.above[to])
			to++
		}
		if n%2 == 1 {
			s.above[to] = s.level[from+n-1]
			to++
		}
		from += n
		s.nodes[i] = (n + 1) / 2
		more = more || n > 1
	}
	s.flush()
	s.level, s.above = s.above, s.level
	return more
}

// leaf has the k-th leaf of a chunk hashed, the only one if it is the root.
func (s *summer) leaf(b []byte, k int, root bool, to *[IDSize]byte) {
	i := s.used
	if len(b) < leafLen {
		clear(s.pad[i][copy(s.pad[i][:], b):])
		s.src[i] = unsafe.Pointer(&s.pad[i])
	} else {
		s.src[i] = unsafe.Pointer(unsafe.SliceData(b))
	}
	n := max(1, (len(b)+sumBlock-1)/sumBlock)
	s.blocks[i], s.last[i] = uint32(n), uint32(len(b)-(n-1)*sumBlock)
	s.counter[i], s.flags[i], s.start[i], s.end[i] = uint32(k), 0, flagStart, flagEnd
	if root {
		s.end[i] |= flagRoot
	}
	s.add(n, to)
}

// parent has a parent of two nodes hashed.
func (s *summer) parent(left *[IDSize]byte, root bool, to *[IDSize]byte) {
	i := s.used
	s.src[i] = unsafe.Pointer(left)
	s.blocks[i], s.last[i] = 1, sumBlock
	s.counter[i], s.flags[i], s.start[i], s.end[i] = 0, flagParent, 0, 0
	if root {
		s.flags[i] |= flagRoot
	}
	s.add(1, to)
}

// add takes the lane that was filled.
func (s *summer) add(blocks int, to *[IDSize]byte) {
	s.to[s.used] = to
	s.most = max(s.most, uint64(blocks))
	if s.used++; s.used == laneCount {
		s.flush()
	}
}

// flush hashes what is in the lanes.
func (s *summer) flush() {
	if s.used == 0 {
		return
	}
	for i := s.used; i < laneCount; i++ {
		s.src[i], s.blocks[i] = unsafe.Pointer(&s.pad[i]), 0
	}
	for w := range s.cv {
		for i := range s.cv[w] {
			s.cv[w][i] = sumIV[w]
		}
	}
	compressLanes(&s.lanes)
	for i := range s.used {
		*s.to[i] = s.out[i]
	}
	s.used, s.most = 0, 0
	clear(s.src[:]) // nobody's data is kept
}

func sized(b [][IDSize]byte, n int) [][IDSize]byte {
	if cap(b) < n {
		return make([][IDSize]byte, n)
	}
	return b[:n]
}
