// Package bloom says of most 64-bit keys that were never added that they were
// not, at the price of one cache line. Keys must be uniformly distributed, as
// the first bytes of a BLAKE3 hash are: they are not hashed again.
//
// A filter consists of 1024 parts by the first bits of the key. A part that is
// full is made anew with twice the room from its keys, which the owner lists:
// whoever has the keys in order reads one range for it. Each part doubles at
// another moment of the filter's growth, so that the whole never waits and its
// memory follows the number of keys closely: 8 to 16 bits a key, 11.5 in the
// mean, 1.44 MB for a million.
//
// Invariants: a key that was added is found, from the moment Add returns, by
// every goroutine and through every growth that lists it. Has takes no lock.
package bloom

import (
	"fmt"
	"math"
	"math/bits"
	"sync/atomic"
)

// Parts is how many parts a filter has.
const Parts = 1 << partBits

const (
	partBits   = 10
	blockWords = 8  // 64 bytes, a cache line
	blockKeys  = 64 // when a part is full: 8 bits a key
)

// Filter is a set of keys that may also seem to hold others. The zero value is
// empty. Has is safe for concurrent use, also beside one goroutine that calls
// the other methods.
type Filter struct {
	parts [Parts]atomic.Pointer[part]
	bytes atomic.Int64
}

// part is blocks of eight words; a key sets one bit in each word of one block.
type part struct {
	words []uint64
	keys  int // added, some perhaps twice
}

// salts make eight hash values of one: those of the split block filters of the
// Parquet format (github.com/apache/parquet-format, BloomFilter.md).
var salts = [blockWords]uint32{0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31}

// PartOf is the part that key is in: its first bits, so that keys in order are
// parts in order.
func PartOf(key uint64) int { return int(key >> (64 - partBits)) }

// First is the least key in part n.
func First(n int) uint64 { return uint64(n) << (64 - partBits) }

// block is where key's bits are. The bits behind the first ten choose it; the
// last 32 choose the bits in it.
func (p *part) block(key uint64) *[blockWords]uint64 {
	i, _ := bits.Mul64(key<<partBits, uint64(len(p.words)/blockWords))
	return (*[blockWords]uint64)(p.words[i*blockWords:])
}

// Has reports whether key may have been added: true if it was, and for about
// one in a hundred of those that were not.
func (f *Filter) Has(key uint64) bool {
	p := f.parts[PartOf(key)].Load()
	if p == nil {
		return false
	}
	b := p.block(key)
	for i := range b {
		if atomic.LoadUint64(&b[i])&bit(key, i) == 0 {
			return false
		}
	}
	return true
}

func bit(key uint64, word int) uint64 { return 1 << (uint32(key) * salts[word] >> 26) }

// Add adds key. Its part should have room; without, it fills up and says yes
// more often.
func (f *Filter) Add(key uint64) {
	n := PartOf(key)
	p := f.parts[n].Load()
	if p == nil {
		p = f.put(n, 1)
	}
	p.add(key)
}

func (p *part) add(key uint64) {
	b := p.block(key)
	for i := range b {
		if old, set := b[i], bit(key, i); old&set == 0 { // nobody else writes
			atomic.StoreUint64(&b[i], old|set)
		}
	}
	p.keys++
}

// put replaces part n by an empty one for keys keys.
func (f *Filter) put(n, keys int) *part {
	p := &part{words: make([]uint64, blocksFor(n, keys)*blockWords)}
	f.publish(n, p)
	return p
}

func (f *Filter) publish(n int, p *part) {
	if old := f.parts[n].Swap(p); old != nil {
		f.bytes.Add(int64(len(old.words)) * -8)
	}
	if p != nil {
		f.bytes.Add(int64(len(p.words)) * 8)
	}
}

// blocksFor is how many blocks part n gets for keys keys: the least of its
// sizes that is enough. Sizes of a part double; those of different parts lie
// between.
func blocksFor(n, keys int) int {
	least := math.Exp2(float64(bits.Reverse16(uint16(n))>>(16-partBits)) / Parts)
	need := max(float64(keys)/blockKeys, 1)
	return int(math.Ceil(least * math.Exp2(math.Ceil(math.Log2(need/least)))))
}

// Room reports whether part n can take that many more keys. If not, Grow it.
func (f *Filter) Room(n, keys int) bool {
	p := f.parts[n].Load()
	return p != nil && p.keys+keys <= len(p.words)/blockWords*blockKeys
}

// Grow makes part n anew, with room for that many keys besides those that each
// yields: all that were added and still count. If each fails the part stays as
// it was.
func (f *Filter) Grow(n, keys int, each func(yield func(key uint64)) error) error {
	p := &part{}
	if old := f.parts[n].Load(); old != nil {
		keys += old.keys
	}
	p.words = make([]uint64, blocksFor(n, keys)*blockWords)
	if err := each(p.add); err != nil {
		return fmt.Errorf("grow part %d of the filter: %w", n, err)
	}
	f.publish(n, p)
	return nil
}

// Keys is how many keys were added, those that were added twice counted twice.
func (f *Filter) Keys() (n int64) {
	for i := range f.parts {
		if p := f.parts[i].Load(); p != nil {
			n += int64(p.keys)
		}
	}
	return n
}

// Bytes is what the filter takes in memory. Safe for concurrent use.
func (f *Filter) Bytes() int64 { return f.bytes.Load() }
